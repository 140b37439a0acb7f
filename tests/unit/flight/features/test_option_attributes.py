"""The attributes of an option by hand."""

import polars as pl
import pytest

from competitions.flight.features.option_attributes import add_attributes
from tests.unit.flight.flight_world import NOON, ONE_WAY, Row, assert_column, make_searches, option, search


def attributes(*options: Row) -> pl.DataFrame:
    return add_attributes(make_searches(search(*options)).options)


def test_bags_are_the_fewest_pieces_of_a_leg_and_a_weight_is_one_piece() -> None:
    cases = [  # out, back: (quantity, is a weight)
        ((2, 0), (1, 0), 1),
        ((23, 1), (2, 0), 1),
        ((0, 1), (2, 0), 0),
        ((0, 0), (20, 1), 0),
        ((2, None), (3, 0), 2),
        ((None, None), (3, 0), 3),
        ((None, None), (None, None), None),
    ]
    rows = [
        option(out_bags=out, out_bags_kg=out_kg, back_bags=back, back_bags_kg=back_kg)
        for (out, out_kg), (back, back_kg), _ in cases
    ]
    assert_column(attributes(*rows)["bags"], [right for *_, right in cases])


@pytest.mark.parametrize("action", ["exchange", "cancel"])
def test_free_means_allowed_without_a_fee_and_without_a_percentage(action: str) -> None:
    cases = [  # allowed, fee, percentage
        (1, 0.0, 0.0, 1),
        (1, None, 0.0, 1),
        (1, 5.0, None, 0),
        (1, 0.0, 50.0, 0),
        (0, 0.0, 0.0, 0),
        (0, None, None, 0),
        (None, 5.0, None, 0),
        (1, None, None, None),
        (None, 0.0, None, None),
    ]
    names = [f"{action}_{name}" for name in ("allowed", "fee", "percent")]
    rows = [option(**dict(zip(names, values[:3], strict=True))) for values in cases]
    assert_column(attributes(*rows)[f"free_{action}"], [values[3] for values in cases])


def test_an_itinerary_is_every_time_carrier_and_number_of_both_legs() -> None:
    changes: list[Row] = [
        {"price": 500.0, "out_cabin": 2, "out_segments": 2, "out_duration": 5},  # another fare
        *({f"{leg}_{name}": NOON + 7} for leg in ("out", "back") for name in ("departure", "arrival")),
        *({f"{leg}_{name}": 99} for leg in ("out", "back") for name in ("carrier", "flight")),
        *({"out_flight": None}, {"back_carrier": None}, ONE_WAY),
    ]
    rows = [option(), *(option(**change) for change in changes)]
    itinerary = attributes(*rows)["itinerary"].to_list()
    assert itinerary[0] == itinerary[1]
    assert len(set(itinerary[1:])) == len(rows) - 1
