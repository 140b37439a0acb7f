"""Which first-party source a function depends on, definition by definition, without running anything.

A definition is one top-level statement of a module. From the function's own definition we follow every name that it
uses, be it a function, a class, a constant, an attribute of an imported first-party module or an import inside the
function. In a module ``steps`` that has

    from shop import helpers
    def total(x): return helpers.cap(x)

a step ``total`` refers to ("steps", total), which refers to ("steps", helpers.cap), which the import resolves to
("shop", helpers.cap) and the folder to ("shop.helpers", cap): three texts count. The text that enters a key has no
comments, docstrings or formatting: only a change of meaning changes it.

Not seen: star imports (ruff refuses them), imports by string, objects found through ``globals()``, registries that a
decorator fills. Annotations of undecorated functions do nothing at run time and are left out: a step does not depend on
all that a class reaches just because its signature names that class. (The class of a value that a step is given enters
its key with the value.)
"""

import ast
import functools
import symtable
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]

DottedName = tuple[str, ...]  # ("recall", "swing") for the expression recall.swing
Reference = tuple[str, DottedName]  # a module, and an expression as it stands at the top level of that module
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(eq=False)  # each is one, by its identity
class Module:
    """A parsed first-party module: what binds each top-level name, statements and what is imported under it."""

    name: str
    package: str
    bindings: dict[str, list[ast.stmt | Reference]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dependencies:
    """What a definition depends on: the first-party texts that bind each (module, name), in their order and each once,
    and the names of the third-party packages.
    """

    texts: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)


class SourceTree:
    """First-party source as it was when this object was made: editing a file during a run cannot mislabel a result."""

    def __init__(self, root: Path = PROJECT_ROOT) -> None:
        """``root``: what lies below it is first-party."""
        self.root = root.resolve()
        installed = "site-packages" in self.root.parts  # where the root holds everybody's modules
        self._tops = set() if installed or not root.is_dir() else {path.stem for path in self.root.iterdir()}
        self._sources: dict[str, str] = {}
        self._parse = functools.cache(self._parse_module)
        self._analyse = functools.cache(_analyse)
        self.note_imported()

    def note_imported(self) -> None:
        """Take up the source of what was imported since: later edits of it are none of this process."""
        for name in list(sys.modules):
            self._snapshot(name)

    def dependencies_of(self, module: str, name: str) -> Dependencies:
        """Everything that the top-level ``name`` of ``module`` depends on, itself included."""
        dependencies = Dependencies()
        waiting: list[Reference] = [(module, (name,))]
        seen: set[Reference] = set()
        while waiting:
            reference = waiting.pop()
            if reference not in seen:
                seen.add(reference)
                waiting.extend(self._follow(*reference, dependencies))
        return dependencies

    def _follow(self, module_name: str, chain: DottedName, dependencies: Dependencies) -> Iterator[Reference]:
        """Record the texts that a reference means; what these refer to. In the example above:

        ("steps", total)             records the text of ``total``          -> ("steps", helpers.cap)
        ("steps", helpers.cap)       records the import, "shop.helpers"     -> ("shop", helpers.cap)
        ("shop", helpers.cap)        nothing, ``helpers`` is a file of it   -> ("shop.helpers", cap)
        """
        module = self._parse(module_name)
        if module is None:
            dependencies.packages.add(module_name.partition(".")[0])
        elif not chain:  # the module itself is handed around: all of it may be used
            yield from ((module_name, (name,)) for name in module.bindings)
        elif chain[0] not in module.bindings:
            inner = f"{module_name}.{chain[0]}"
            if self._file(inner):
                yield inner, chain[1:]
        else:
            texts = dependencies.texts.setdefault((module_name, chain[0]), {})
            for binding in module.bindings[chain[0]]:
                if isinstance(binding, ast.stmt):
                    text, references = self._analyse(binding, module)
                    texts[text] = None
                    yield from references
                else:
                    origin, path = binding
                    # an alias that now means something else is a change, whoever owns what it means
                    texts[".".join((origin, *path))] = None
                    yield origin, path + chain[1:]

    def _parse_module(self, name: str) -> Module | None:
        """The parsed module; None where it is not first-party."""
        file = self._file(name)
        if file is None:
            return None
        is_package = file.name == "__init__.py"
        # a module that runs as __main__ knows its package, its name is no help
        package = getattr(sys.modules.get(name), "__package__", None)
        module = Module(name, package or (name if is_package else name.rpartition(".")[0]))
        for statement in ast.parse(self._snapshot(name)).body:
            for bound in _bound_names(statement):
                module.bindings.setdefault(bound, []).append(statement)
            if not isinstance(statement, Definition):  # imports, of an if or a try too
                for bound, origin in _imports(statement, module.package):
                    module.bindings.setdefault(bound, []).append(origin)
        return module

    def _snapshot(self, name: str) -> str:
        file = self._file(name) if name not in self._sources else None
        if file is not None:
            self._sources[name] = file.read_text(encoding="utf-8")
        return self._sources.get(name, "")

    def _file(self, name: str) -> Path | None:
        """The source file of a first-party module."""
        if name == "__main__":
            files = [Path(getattr(sys.modules[name], "__file__", None) or "")]
        elif name.partition(".")[0] in self._tops:
            folder = self.root.joinpath(*name.split("."))
            files = [folder / "__init__.py", folder.with_suffix(".py")]
        else:
            return None
        return next((file for file in files if file.is_file() and file.resolve().is_relative_to(self.root)), None)


def _analyse(statement: ast.stmt, module: Module) -> tuple[str, set[Reference]]:
    """A statement's text without what changes no meaning, and what it refers to."""
    bare = ast.parse(ast.unparse(statement)).body[0]  # a copy
    _strip(bare)
    text = ast.unparse(ast.fix_missing_locations(bare))
    names, local = _global_names(text), dict(_imports(bare, module.package))
    references: set[Reference] = set()
    for chain in _chains(bare):
        if chain[0] in names:
            references.add((module.name, chain))
        if chain[0] in local:
            origin, path = local[chain[0]]
            references.add((origin, path + chain[1:]))
    return text, references


def _imports(statement: ast.stmt, package: str) -> Iterator[tuple[str, Reference]]:
    """Each name that the imports in a statement bind, and what it stands for."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, (alias.name, ())) if alias.asname else (top, (top, ()))
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            target = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                yield alias.asname or alias.name, (target, (alias.name,))


def _bound_names(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement binds or changes; an import binds none here."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return set()
    if isinstance(statement, Definition):
        return {statement.name}
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.update(_base(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):  # TABLE.update(...) changes TABLE
            names.update(_base(node.value.func))
    return names


def _base(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _chains(node: ast.AST) -> Iterator[DottedName]:
    """Each name in an expression with the attributes that follow it: a.b.c(d) gives (a, b, c) and (d,)."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        yield (node.id, *reversed(attributes))
    for child in ast.iter_child_nodes(node):
        yield from _chains(child)


def _global_names(text: str) -> set[str]:
    """The names that the statement looks up at module level, by the compiler's own scope analysis."""
    top = symtable.symtable(text, "<definition>", "exec")
    names = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    tables: list[symtable.SymbolTable] = list(top.get_children())
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        names.update(symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    return names


def _strip(statement: ast.AST) -> None:
    """Take out docstrings, and the annotations of undecorated functions and of the variables of any function."""
    for node in ast.walk(statement):
        if isinstance(node, Definition) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.decorator_list:
                node.returns = None
            for inner in ast.walk(node):
                if isinstance(inner, ast.AnnAssign):
                    inner.annotation = ast.Constant(None)
                elif isinstance(inner, ast.arg) and not node.decorator_list:
                    inner.annotation = None
