"""A struct of results: what a step is given, what it depends on, and that nothing is computed or stored for it."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from common.engine.run import Run, bundle, collect, collect_named, derive


@dataclass(frozen=True)
class Pair:
    left: int
    right: int


def give(value: int) -> int:
    return value


def add(pair: Pair) -> int:
    return pair.left + pair.right


def test_a_step_is_given_the_struct_of_the_values_and_a_field_is_the_result_given_for_it(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tmp_path / "cache", quiet=True)
    two, three = run.step(give, 2), run.step(give, 3)
    pair = bundle(Pair, left=two, right=three)
    assert run.step(add, pair).value == 5
    assert [record.name for record in run.timings] == ["give", "give", "add"]
    assert pair.left is two
    with pytest.raises(AttributeError, match="no field 'middle'"):
        _ = pair.middle
    keys = {bundle(Pair, left=a, right=b).key for a, b in ((two, three), (three, two), (two, two), (two, three))}
    assert len(keys) == 3
    with pytest.raises(TypeError, match="missing a required argument: 'right'"):
        bundle(Pair, left=two)
    with pytest.raises(TypeError, match="unexpected keyword argument 'middle'"):
        bundle(Pair, left=two, right=two, middle=two)


def test_what_is_derived_is_made_anew_and_its_fields_can_be_given_to_steps(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tmp_path / "cache", quiet=True)
    pair = derive(Pair, left=run.step(give, 2), right=run.step(give, 3))
    assert pair.value == Pair(2, 3)
    assert run.step(give, pair.right, name="again").value == 3
    assert [record.name for record in run.timings] == ["give", "give", "again"]
    assert derive(Pair, left=run.step(give, 3), right=run.step(give, 3)).key != pair.key


def test_a_plain_value_is_held_by_its_content(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", tmp_path / "cache", quiet=True)
    held = bundle(Pair, left=run.hold(2), right=run.step(give, 3))
    assert run.step(add, held).value == 5
    arrays = [run.hold(np.array(values)).key for values in ([1, 2], [1, 2], [2, 1])]
    assert len({*arrays}) == 2
    assert run.hold(np.array([1, 2])).value.tolist() == [1, 2]
    assert run.hold(None).value is None


SHOP = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Cart:
    count: int

    @property
    def price(self):
        return self.count * 2

def give(value):
    return value

def pay(cart):
    return cart.price

def fill(count):
    return Cart(count + 1)

def pay_all(carts):
    return sum(cart.price for cart in (carts.values() if isinstance(carts, dict) else carts))
"""


def test_an_edited_property_of_the_struct_computes_the_steps_that_are_given_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run_all(source: str) -> tuple[object, ...]:
        (tmp_path / "bundle_shop.py").write_text(source)
        sys.modules.pop("bundle_shop", None)
        importlib.invalidate_caches()
        shop = importlib.import_module("bundle_shop")
        run = Run(tmp_path / "run", tmp_path / "cache", quiet=True, root=tmp_path)
        cart = bundle(shop.Cart, count=run.step(shop.give, 3))
        filled = derive(shop.fill, count=run.step(shop.give, 3))
        listed = run.step(shop.pay_all, collect([cart, cart]))
        named = run.step(shop.pay_all, collect_named({"a": cart}), name="named")
        filled_price = run.step(shop.pay, filled, name="filled").value
        return run.step(shop.pay, cart).value, listed.value, filled_price, named.key

    *paid, named = run_all(SHOP)
    *again, renamed = run_all(SHOP.replace("* 2", "* 5").replace("count + 1", "count + 2"))
    assert paid == [6, 12, 8]
    assert again == [15, 30, 25]
    assert renamed != named
