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
import symtable
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]

Chain = tuple[str, ...]  # ("recall", "swing") for the expression recall.swing
Reference = tuple[str, Chain]  # a module, and an expression as it stands at the top level of that module
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass
class Module:
    """A parsed first-party module: the statements that bind each top-level name."""

    name: str
    package: str
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict)


@dataclass(frozen=True)
class Use:
    """A statement's text, the global names that it uses, and what it uses of the modules that it imports itself."""

    text: str
    names: set[Chain]
    imported: set[Reference]


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
        self._modules: dict[str, Module | None] = {}
        self._uses: dict[ast.stmt, Use] = {}
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

    def _follow(self, module_name: str, chain: Chain, dependencies: Dependencies) -> list[Reference]:
        """Record what a reference means; list what that in turn refers to."""
        module = self._module(module_name)
        if module is None:
            dependencies.packages.add(module_name.partition(".")[0])
            return []
        if not chain:  # the module itself is handed around: all of it may be used
            return [(module_name, (name,)) for name in module.bindings]
        name, rest = chain[0], chain[1:]
        if name not in module.bindings:
            inner = f"{module_name}.{name}"
            return [(inner, rest)] if self._file(inner) else []
        texts, found = dependencies.texts.setdefault((module_name, name), {}), list[Reference]()
        for statement in module.bindings[name]:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                origins = [(at, path) for bound, at, path in _imports(statement, module.package) if bound == name]
                # an alias that now means something else is a change, whoever owns what it means
                texts.update(dict.fromkeys(".".join((at, *path)) for at, path in origins))
                found += [(at, path + rest) for at, path in origins]
            else:
                use = self._analyse(statement, module.package)
                texts[use.text] = None
                found += [*((module_name, used) for used in use.names), *use.imported]
        return found

    def _analyse(self, statement: ast.stmt, package: str) -> Use:
        if statement not in self._uses:
            self._uses[statement] = _analyse(statement, package)
        return self._uses[statement]

    def _module(self, name: str) -> Module | None:
        """The parsed module; None where it is not first-party."""
        if name not in self._modules:
            self._modules[name] = self._parse(name)
        return self._modules[name]

    def _parse(self, name: str) -> Module | None:
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
            inside = [] if isinstance(statement, Definition) else ast.walk(statement)  # of an if or a try, too
            for node in inside:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    for bound, _, _ in _imports(node, module.package):
                        module.bindings.setdefault(bound, []).append(node)
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


def _analyse(statement: ast.stmt, package: str) -> Use:
    bare = ast.parse(ast.unparse(statement)).body[0]  # a copy
    _strip(bare)
    text = ast.unparse(ast.fix_missing_locations(bare))
    names = _global_names(text)
    inside = [node for node in ast.walk(bare) if isinstance(node, ast.Import | ast.ImportFrom)]
    local = {name: (target, path) for node in inside for name, target, path in _imports(node, package)}
    chains = set(_chains(bare))
    imported = {(local[chain[0]][0], local[chain[0]][1] + chain[1:]) for chain in chains if chain[0] in local}
    return Use(text, {chain for chain in chains if chain[0] in names}, imported)


def _imports(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str, Chain]]:
    """(bound name, module, attribute path) of each name that an import statement binds."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, alias.name, ()) if alias.asname else (top, top, ())
    else:
        parents = package.split(".")
        base = ".".join(parents[: len(parents) - statement.level + 1]) if statement.level else ""
        target = ".".join(part for part in (base, statement.module) if part)
        for alias in statement.names:
            yield alias.asname or alias.name, target, (alias.name,)


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


def _chains(node: ast.AST) -> Iterator[Chain]:
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
