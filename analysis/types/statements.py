"""Walks statements in the order in which they run, and keeps what is known of variables: assignments, branches, loops,
`try`, `with`, `match`. Where ways meet, what is known is joined."""

from collections.abc import Callable as Function

from tree_sitter import Node

from analysis.scopes import Scope, Symbol
from analysis.types.annotations import value_of
from analysis.types.expressions import Expressions
from analysis.types.kinds import (
    BOOL,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    Callable,
    ClassObject,
    Instance,
    Tuple,
    Type,
    element_of,
    instance,
    is_unknown,
    join,
    widen,
)  # fmt: skip
from analysis.types.narrowing import to_class, within
from analysis.types.operators import arithmetic
from analysis.types.source import Source
from analysis.types.state import Environment, Key, State, merge
from analysis.types.view import Typed

MOST_PASSES = 3  # over a loop's body, before what still changes is unknown
DEEPEST_LOOP = 3  # loops in loops that are gone over again
DEEPEST = 60  # statements in statements


class _Loop:
    """Ways out of a loop's body."""

    def __init__(self) -> None:
        self.broken: Environment | None = None
        self.continued: Environment | None = None


class Statements:
    """Walks the statements of one file. Bodies of functions are put by, and walked when the module has been."""

    def __init__(self, state: State, source: Source, expressions: Expressions) -> None:
        self.state = state
        self.source = source
        self.expressions = expressions
        expressions.store = self.store
        self.waiting: list[tuple[Node, Scope]] = []  # functions to walk, and the scopes they stand in
        self.returned: list[list[tuple[Type, str]]] = []
        self.loops: list[_Loop] = []
        self.depth = 0
        self._kinds: dict[str, Function[[Node, Environment], Environment | None]] = {
            "expression_statement": self._expression, "return_statement": self._return, "if_statement": self._if,
            "for_statement": self._for, "while_statement": self._while, "try_statement": self._try,
            "with_statement": self._with, "match_statement": self._match, "function_definition": self._function,
            "class_definition": self._class, "decorated_definition": self._decorated, "assert_statement": self._assert,
            "raise_statement": self._raise, "delete_statement": self._delete, "import_statement": self._import,
            "import_from_statement": self._import, "break_statement": self._break, "continue_statement": self._continue,
            "block": self.block, "else_clause": self._else, "finally_clause": self._else, "module": self.block,
            "assignment": self._assigned, "augmented_assignment": self._assigned,
        }  # fmt: skip

    def block(self, node: Node, environment: Environment) -> Environment | None:
        """Statements one after the other."""
        now: Environment | None = environment
        for child in node.named_children:
            if now is None:
                return None
            now = self.statement(child, now)
        return now

    def statement(self, node: Node, environment: Environment) -> Environment | None:
        """What is known after a statement; None where nothing comes after it."""
        worker = self._kinds.get(node.type)
        if self.depth > DEEPEST:
            return environment
        if worker is None:  # an expression alone, unless it holds none
            never = self.expressions.type(node, environment) == NEVER and node.type in ("call", "await")
            return None if never else environment
        self.depth += 1
        found = worker(node, environment)
        self.depth -= 1
        return found

    # Giving values

    def store(self, target: Node, kind: Type, environment: Environment, origin: str) -> None:
        """Gives a target, however deep, a value."""
        match target.type:
            case "identifier":
                self.bind(target, kind, environment, origin)
            case "attribute":
                self._store_attribute(target, kind, environment)
            case "subscript":
                for child in target.named_children:
                    self.expressions.type(child, environment)
            case "pattern_list" | "tuple_pattern" | "list_pattern" | "tuple" | "list" | "expression_list":
                self._unpack(target, kind, environment, origin)
            case "list_splat_pattern" | "list_splat":
                self.store(target.named_children[0], instance("list", widen(kind)), environment, origin)
            case "parenthesized_expression" | "as_pattern_target":
                if target.named_children:
                    self.store(target.named_children[0], kind, environment, origin)

    def _unpack(self, target: Node, kind: Type, environment: Environment, origin: str) -> None:
        targets = [child for child in target.named_children if child.type != "comment"]
        starred = [place for place, one in enumerate(targets) if one.type in ("list_splat_pattern", "list_splat")]
        items: list[Type] | None = None
        known = self.fields(kind)
        if known is not None and not starred and len(known) == len(targets):
            items = known
        elif known is not None and len(starred) == 1 and len(known) >= len(targets) - 1:
            before, after = starred[0], len(targets) - starred[0] - 1
            middle = element_of(known[before : len(known) - after])
            items = [*known[:before], middle, *known[len(known) - after :]]
        if items is None:
            items = [self._unpacked(kind)] * len(targets)
        for one, inner in zip(targets, items, strict=True):
            self.store(one, inner, environment, origin)

    def _unpacked(self, kind: Type) -> Type:
        return self.expressions.element(kind)

    def fields(self, kind: Type) -> list[Type] | None:
        """The items of a tuple whose length is known; of a union of such, item by item."""
        if isinstance(kind, Tuple):
            return list(kind.items)
        if isinstance(kind, Instance):
            found = self.source.find(kind.name)
            if found is not None and found.ready().named:
                return [one for _, one in found.fields() or ()]
            for base in found.bases if found is not None else ():
                if isinstance(base, Tuple):
                    return list(base.items)
        members = getattr(kind, "members", ())
        several = [self.fields(one) for one in members]
        if several and all(one is not None and len(one) == len(several[0] or ()) for one in several):
            return [join(column) for column in zip(*[one or [] for one in several], strict=True)]
        return None

    def bind(self, name: Node, kind: Type, environment: Environment, origin: str) -> None:
        """Gives a variable a value."""
        symbol = self.state.symbol(name)
        if symbol is None:
            return
        kind = widen(kind) if kind != NEVER else UNKNOWN
        declared = self.state.declared.get(symbol)
        if declared is not None:
            kind = within(declared, kind, self.expressions.solver)
            origin = "annotation" if kind == declared else origin
        self.state.given.setdefault(symbol, []).append(kind)
        self.state.last[symbol] = (kind, origin)
        self.state.bindings[name.start_byte] = Typed(kind, origin if kind is not UNKNOWN else "")
        self._forget(environment, (symbol,))
        self.state.give(symbol, kind, environment)

    def _forget(self, environment: Environment, path: tuple[object, ...]) -> None:
        """What follows from something that has changed is no longer known."""
        size = len(path)
        gone = [key for key in environment if isinstance(key, tuple) and len(key) > size and key[:size] == path]
        for key in gone:
            del environment[key]

    def _store_attribute(self, target: Node, kind: Type, environment: Environment) -> None:
        owner, name = target.child_by_field_name("object"), target.child_by_field_name("attribute")
        if owner is None or name is None:
            return
        around = self.expressions.type(owner, environment)
        text = self.state.text(name)
        kind = widen(kind) if kind != NEVER else UNKNOWN
        declared = self._declared_attribute(around, text, kind)
        key = self.expressions.key(target)
        if key is None or not isinstance(key, tuple):
            return
        self._forget(environment, key)
        if declared is None:
            environment.pop(key, None)
            for handler in self.state.handlers:
                handler.setdefault(key, []).append(UNKNOWN)
            return
        self.state.give(
            key, within(declared, kind, self.expressions.solver) if declared is not kind else kind, environment
        )

    def _declared_attribute(self, around: Type, name: str, kind: Type) -> Type | None:
        """What an attribute is declared as, or what it is given where nothing says it; None: read it anew."""
        if isinstance(around, ClassObject):
            around = around.of
        if not isinstance(around, Instance):
            return None
        lineage, _ = self.expressions.solver.lineages.of(around)
        if around.name.startswith("@"):
            owner = self.source.defining(around, name, lineage)
            if owner is not None:
                body = self.source.bodies[owner]
                symbol = body.symbols.get(name)
                declared = self.state.declared.get(symbol) if symbol is not None else None
                if declared is not None:
                    return declared
                if symbol is not None and symbol.kind == "function":
                    return None
                self.state.attributes_given.setdefault((owner, name), []).append(kind)
                return kind
        found = self.expressions.solver.member(around, name)
        if found is None or found[0].kind != "variable":
            return None
        declared = self.expressions.attribute(around, name)
        return None if is_unknown(declared) else declared

    # Simple statements

    def _expression(self, node: Node, environment: Environment) -> Environment | None:
        now: Environment | None = environment
        for child in node.named_children:
            now = self.statement(child, now) if now is not None else None
        return now

    def _assigned(self, node: Node, environment: Environment) -> Environment | None:
        if node.type == "assignment":
            self._assignment(node, environment)
        else:
            self._augmented(node, environment)
        return environment

    def _assignment(self, node: Node, environment: Environment) -> tuple[Type, str]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        annotation = node.child_by_field_name("type")
        if annotation is not None and left is not None:
            self._declare(left, annotation)
        if right is None:
            if left is not None and left.type == "identifier" and annotation is not None:
                symbol = self.state.symbol(left)
                declared = self.state.declared.get(symbol, UNKNOWN) if symbol is not None else UNKNOWN
                self.state.bindings[left.start_byte] = Typed(declared, "annotation")
            return UNKNOWN, ""
        if right.type == "assignment":
            kind, origin = self._assignment(right, environment)
        elif right.type in ("yield", "augmented_assignment"):
            kind, origin = self.expressions.type(right, environment), "yield"
        else:
            kind = self.expressions.type(right, environment)
            origin = self.expressions.origin(right, kind)
        if left is not None:
            self.store(left, kind, environment, origin)
        return kind, origin

    def _declare(self, left: Node, annotation: Node) -> None:
        found = self.state.at.get(left.start_byte)
        scope = found.scope if found is not None else self.state.names.root
        written = self.state.text(annotation)
        if left.type == "identifier" and found is not None and found.symbol is not None:
            if written in ("Final", "typing.Final", "ClassVar", "TypeAlias", "typing.TypeAlias"):
                return
            self.state.declared[found.symbol] = self.source.reader(scope).text(written)
        elif left.type == "attribute" and self.expressions.classes:
            owner, name = left.named_children[0], self.state.text(left.named_children[-1])
            if owner.type == "identifier" and left.named_child_count == 2:
                key = (self.expressions.classes[-1].name, name)
                kind = self.source.reader(scope).text(written)
                self.source.annotated[key] = kind

    def _augmented(self, node: Node, environment: Environment) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        if left is None or right is None or operator is None:
            return
        before = self.expressions.type(left, environment)
        sign = self.state.text(operator)[:-1]
        kind = arithmetic(self.expressions.solver, sign, before, self.expressions.type(right, environment), "i")
        if not (isinstance(before, Tuple) and isinstance(kind, Tuple) and len(kind.items) > 8):
            self.store(left, kind, environment, "operator")
        else:
            self.store(left, instance("tuple", element_of(kind.items)), environment, "operator")

    def _return(self, node: Node, environment: Environment) -> Environment | None:
        parts = [child for child in node.named_children if child.type != "comment"]
        kind = self.expressions.type(parts[0], environment) if parts else NONE
        if self.returned:
            self.returned[-1].append((widen(kind), "return statements"))
        return None

    def _raise(self, node: Node, environment: Environment) -> Environment | None:
        for child in node.named_children:
            self.expressions.type(child, environment)
        return None

    def _delete(self, node: Node, environment: Environment) -> Environment | None:
        for child in node.named_children:
            for part in child.named_children if child.type == "expression_list" else [child]:
                symbol = self.state.symbol(part) if part.type == "identifier" else None
                if symbol is not None:
                    environment.pop(symbol, None)
                    self._forget(environment, (symbol,))
                else:
                    self.expressions.type(part, environment)
        return environment

    def _assert(self, node: Node, environment: Environment) -> Environment | None:
        parts = [child for child in node.named_children if child.type != "comment"]
        if not parts:
            return environment
        yes, no = self.expressions.branch(parts[0], environment)
        if len(parts) > 1 and no is not None:
            self.expressions.type(parts[1], no)
        return yes

    def _break(self, _node: Node, environment: Environment) -> Environment | None:
        if self.loops:
            self.loops[-1].broken = merge(self.loops[-1].broken, environment)
        return None

    def _continue(self, _node: Node, environment: Environment) -> Environment | None:
        if self.loops:
            self.loops[-1].continued = merge(self.loops[-1].continued, environment)
        return None

    def _import(self, node: Node, environment: Environment) -> Environment | None:
        for child in node.children_by_field_name("name"):
            name = child
            if child.type == "aliased_import":
                alias = child.child_by_field_name("alias")
                if alias is None:
                    continue
                name = alias
            elif child.type == "dotted_name" and child.named_children:
                name = child.named_children[0]
            self.bind(name, value_of(self.source.imported(name, node)), environment, f"import {self.state.text(child)}")
        return environment

    # Branches and loops

    def _if(self, node: Node, environment: Environment) -> Environment | None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
        if condition is None:
            return environment
        yes, rest = self.expressions.branch(condition, environment)
        after = self.block(body, dict(yes)) if body is not None and yes is not None else None
        for clause in node.children_by_field_name("alternative"):
            if rest is None:
                break
            if clause.type == "else_clause":
                return merge(after, self._else(clause, dict(rest)))
            condition, body = clause.child_by_field_name("condition"), clause.child_by_field_name("consequence")
            if condition is None:
                continue
            yes, rest = self.expressions.branch(condition, rest)
            if body is not None and yes is not None:
                after = merge(after, self.block(body, dict(yes)))
        return merge(after, rest)

    def _else(self, node: Node, environment: Environment) -> Environment | None:
        body = node.child_by_field_name("body")
        if body is None:
            body = next((child for child in node.named_children if child.type == "block"), None)
        return self.block(body, environment) if body is not None else environment

    def _repeat(
        self, environment: Environment, once: Function[[Environment], tuple[Environment | None, Environment | None]]
    ) -> tuple[Environment | None, Environment | None]:
        """Goes over a loop until nothing more is learnt. Gives what is known at its end, and where it was broken."""
        start = environment
        way_out: Environment | None = None
        broken: Environment | None = None
        for turn in range(MOST_PASSES + 1):
            self.loops.append(_Loop())
            way_out, end = once(dict(start))
            loop = self.loops.pop()
            broken = loop.broken
            back = merge(end, loop.continued)
            onward = merge(start, back) or start
            if onward == start:
                break
            if turn == MOST_PASSES - 1 or len(self.loops) >= DEEPEST_LOOP:
                onward = {key: kind if start.get(key) == kind else UNKNOWN for key, kind in onward.items()}
                if turn >= MOST_PASSES:
                    break
            start = onward
        return way_out, broken

    def _for(self, node: Node, environment: Environment) -> Environment | None:
        left, right, body = (node.child_by_field_name(name) for name in ("left", "right", "body"))
        if left is None or right is None or body is None:
            return environment
        element = self.expressions.element(self.expressions.type(right, environment), node.children[0].type == "async")

        def once(now: Environment) -> tuple[Environment | None, Environment | None]:
            inner = dict(now)
            self.store(left, element, inner, "loop")
            return now, self.block(body, inner)

        way_out, broken = self._repeat(environment, once)
        # The variable keeps its last value
        after = dict(way_out) if way_out is not None else None
        if after is not None:
            self.after_loop(left, element, after)
        return merge(self._loop_else(node, after), broken)

    def after_loop(self, left: Node, element: Type, environment: Environment) -> None:
        """A loop's variable keeps its last value, or the one from before where the loop was never entered."""
        del left, element, environment

    def _while(self, node: Node, environment: Environment) -> Environment | None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            return environment
        always = self.state.text(condition).strip("() ") in ("True", "1")

        def once(now: Environment) -> tuple[Environment | None, Environment | None]:
            yes, no = self.expressions.branch(condition, now)
            end = self.block(body, dict(yes)) if yes is not None else None
            return None if always else no, end

        way_out, broken = self._repeat(environment, once)
        return merge(self._loop_else(node, way_out), broken)

    def _loop_else(self, node: Node, environment: Environment | None) -> Environment | None:
        clause = node.child_by_field_name("alternative")
        if clause is None or environment is None:
            return environment
        return self._else(clause, dict(environment))

    def _guarded(
        self, environment: Environment, body: Function[[], Environment | None]
    ) -> tuple[Environment | None, Environment]:
        """What is known after a body, and what where an exception leaves it anywhere."""
        self.state.handlers.append({})
        end = body()
        given = self.state.handlers.pop()
        caught: Environment = {}
        for key, kind in environment.items():
            changed = given.get(key)
            if isinstance(key, tuple) and (changed or self._touched(key, given)):
                continue
            caught[key] = join([kind, *changed]) if changed else kind
        for key, kinds in given.items():
            if key not in environment and isinstance(key, Symbol):
                caught[key] = join(kinds)
        return end, caught

    def _touched(self, path: tuple[object, ...], given: dict[Key, list[Type]]) -> bool:
        return any(path[0] is key or (isinstance(key, tuple) and key == path[: len(key)]) for key in given)

    def _try(self, node: Node, environment: Environment) -> Environment | None:
        last = next((child for child in node.named_children if child.type == "finally_clause"), None)
        if last is None:
            return self._try_except(node, environment)
        end, caught = self._guarded(environment, lambda: self._try_except(node, dict(environment)))
        after = self._else(last, dict(end)) if end is not None else None
        self._else(last, merge(dict(caught), end) or caught)  # what is noted is what holds on every way
        return after

    def _try_except(self, node: Node, environment: Environment) -> Environment | None:
        body = node.child_by_field_name("body")
        if body is None:
            return environment
        end, caught = self._guarded(environment, lambda: self.block(body, dict(environment)))
        after: Environment | None = None
        for clause in node.named_children:
            if clause.type in ("except_clause", "except_group_clause"):
                after = merge(after, self._except(clause, dict(caught)))
            elif clause.type == "else_clause" and end is not None:
                end = self._else(clause, end)
        return merge(end, after)

    def _except(self, node: Node, environment: Environment) -> Environment | None:
        grouped = node.type == "except_group_clause"
        for child in node.named_children:
            if child.type == "block":
                return self.block(child, environment)
            if child.type == "as_pattern":
                parts = child.named_children
                kind = self._caught(self.expressions.type(parts[0], environment))
                if grouped:
                    kind = UNKNOWN if is_unknown(kind) else Instance("builtins.ExceptionGroup", (kind,))
                if len(parts) > 1:
                    self.store(parts[1], kind, environment, "except")
            elif child.type != "comment":
                kind = self._caught(self.expressions.type(child, environment))
                alias = node.child_by_field_name("alias")
                if alias is not None and child != alias and alias.type == "identifier":
                    self.store(alias, kind, environment, "except")
        return environment

    def _caught(self, kind: Type) -> Type:
        """The exception that a handler for these classes is given."""
        if isinstance(kind, ClassObject):
            return kind.of
        if isinstance(kind, Tuple):
            return join([self._caught(one) for one in kind.items])
        if isinstance(kind, Instance) and kind.name == "builtins.tuple":
            return self._caught(kind.arguments[0])
        return UNKNOWN

    # With, match

    def _with(self, node: Node, environment: Environment) -> Environment | None:
        waits = node.children[0].type == "async"
        items = [
            item for clause in node.named_children if clause.type == "with_clause" for item in clause.named_children
        ]
        swallows = False
        for item in items:
            value = item.child_by_field_name("value") if item.type == "with_item" else None
            if value is None:
                continue
            target = None
            if value.type == "as_pattern" and value.named_child_count > 1:
                target, value = value.named_children[1], value.named_children[0]
            manager = self.expressions.type(value, environment)
            entered = self.expressions.solver.method(manager, "__aenter__" if waits else "__enter__")
            leaving = self.expressions.attribute(manager, "__aexit__" if waits else "__exit__")
            swallows = swallows or self._swallows(leaving)
            if target is not None:
                entered = self.expressions.solver.awaited(entered) if waits else entered
                self.store(target, entered, environment, "with")
        body = node.child_by_field_name("body")
        if body is None:
            return environment
        if not swallows:
            return self.block(body, environment)
        end, caught = self._guarded(environment, lambda: self.block(body, dict(environment)))
        return merge(end, caught)

    def _swallows(self, leaving: Type) -> bool:
        returns = leaving.returns if isinstance(leaving, Callable) else NONE
        return returns == BOOL

    def _match(self, node: Node, environment: Environment) -> Environment | None:
        subjects = node.children_by_field_name("subject")
        body = node.child_by_field_name("body")
        if not subjects or body is None:
            return environment
        kinds = [self.expressions.type(one, environment) for one in subjects]
        kind = kinds[0] if len(kinds) == 1 else Tuple(tuple(kinds))
        key = self.expressions.key(subjects[0]) if len(subjects) == 1 else None
        after: Environment | None = None
        rest: Environment | None = environment
        for clause in body.named_children:
            if clause.type == "case_clause" and rest is not None:
                ended, rest = self._case(clause, kind, key, rest)
                after = merge(after, ended)
        return merge(after, rest)

    def _case(
        self, clause: Node, kind: Type, key: Key | None, environment: Environment
    ) -> tuple[Environment | None, Environment | None]:
        inner = dict(environment)
        subject = environment.get(key, kind) if key is not None else kind
        patterns = [child for child in clause.named_children if child.type == "case_pattern"]
        for pattern in patterns:
            met = self._pattern(pattern, subject if len(patterns) == 1 else UNKNOWN, inner)
            if key is not None and len(patterns) == 1 and not is_unknown(met) and met != NEVER:
                inner[key] = met
        guard, body = clause.child_by_field_name("guard"), clause.child_by_field_name("consequence")
        now: Environment | None = inner
        if guard is not None and guard.named_children:
            now = self.expressions.branch(guard.named_children[0], inner)[0]
        ended = self.block(body, dict(now)) if body is not None and now is not None else now
        takes_all = guard is None and len(patterns) == 1 and self._takes_all(patterns[0])
        return ended, None if takes_all else environment

    def _takes_all(self, pattern: Node) -> bool:
        text = self.state.text(pattern)
        return text == "_" or text.isidentifier()

    def _pattern(self, node: Node, kind: Type, environment: Environment) -> Type:
        """What the value is that a pattern takes; gives the names in it their values."""
        parts = [child for child in node.named_children if child.type != "comment"]
        match node.type:
            case "case_pattern":
                return self._pattern(parts[0], kind, environment) if parts else kind
            case "dotted_name":
                if len(parts) == 1:
                    self.bind(parts[0], kind, environment, "match")
                return kind
            case "as_pattern":
                met = self._pattern(parts[0], kind, environment)
                if len(parts) > 1:
                    self.store(parts[-1], met, environment, "match")
                return met
            case "union_pattern":
                return join([self._pattern(part, kind, environment) for part in parts])
            case "class_pattern":
                return self._class_pattern(parts, kind, environment)
            case "splat_pattern":
                if parts:
                    self.bind(parts[0], UNKNOWN, environment, "match")
                return UNKNOWN
            case "list_pattern" | "tuple_pattern":
                known = self.fields(kind)
                for place, part in enumerate(parts):
                    item = known[place] if known is not None and len(known) == len(parts) else UNKNOWN
                    self._pattern(part, item, environment)
                return kind
            case "dict_pattern" | "keyword_pattern":
                for part in parts:
                    self._pattern(part, UNKNOWN, environment)
                return kind
            case "none":
                return NONE
        return kind

    def _class_pattern(self, parts: list[Node], kind: Type, environment: Environment) -> Type:
        name, *inner = parts
        target = UNKNOWN
        if name.named_children:
            target = self.expressions.type(name.named_children[0], environment)
            for part in name.named_children[1:]:
                target = self.expressions.attribute(target, self.state.text(part))
        met = UNKNOWN
        if isinstance(target, ClassObject):
            met = to_class(kind, [target.of], self.expressions.solver)
        for part in inner:
            pattern = part.named_children[0] if part.type == "case_pattern" and part.named_children else part
            if pattern.type == "keyword_pattern" and pattern.named_child_count > 1:
                given = self.expressions.attribute(met, self.state.text(pattern.named_children[0]))
                self._pattern(pattern.named_children[1], given, environment)
            else:
                alone = len(inner) == 1 and isinstance(met, Instance) and met.name in SELF_MATCHING
                self._pattern(part, met if alone else UNKNOWN, environment)
        return met

    # Definitions

    def _decorated(self, node: Node, environment: Environment) -> Environment | None:
        for child in node.named_children:
            if child.type == "decorator" and child.named_children:
                self.expressions.type(child.named_children[0], environment)
        inner = node.child_by_field_name("definition")
        return self.statement(inner, environment) if inner is not None else environment

    def _function(self, node: Node, environment: Environment) -> Environment | None:
        name, parameters = node.child_by_field_name("name"), node.child_by_field_name("parameters")
        found = self.state.at.get(name.start_byte) if name is not None else None
        if name is None or found is None:
            return environment
        for child in parameters.named_children if parameters is not None else []:
            value = child.child_by_field_name("value")
            if value is not None:
                self.expressions.type(value, environment)
        self.waiting.append((node, found.scope))
        self.bind(name, self.decorated(node, found.scope, environment), environment, "definition")
        return environment

    def decorated(self, node: Node, scope: Scope, environment: Environment) -> Type:
        """A function as its decorators leave it."""
        kind: Type = self.source.function(node, scope)
        for decorator in self.source.decorators(node):
            text = self.state.text(decorator).partition("(")[0]
            if text in KEPT:
                continue
            made = self.expressions.type(decorator, environment)
            kind = self.expressions.call_with(made, kind)
        return kind

    def _class(self, node: Node, environment: Environment) -> Environment | None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return environment
        listed = node.child_by_field_name("superclasses")
        for child in listed.named_children if listed is not None else []:
            part = child.child_by_field_name("value") if child.type == "keyword_argument" else child
            if part is not None:
                self.expressions.type(part, environment)
        found = self.source.class_of(node)
        handlers, self.state.handlers = self.state.handlers, []
        loops, self.loops = self.loops, []
        returned, self.returned = self.returned, []
        if found is not None:
            self.expressions.classes.append(found.instance())
        self.block(body, dict(environment))
        if found is not None:
            self.expressions.classes.pop()
            self.state.commit([one for one in self.source.bodies[found.name].symbols.values()])
        self.state.handlers, self.loops, self.returned = handlers, loops, returned
        self.bind(name, value_of(found) if found is not None else UNKNOWN, environment, "definition")
        return environment


SELF_MATCHING = frozenset(f"builtins.{name}" for name in (
    "bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple",
))  # fmt: skip
KEPT = frozenset(
    [
        "staticmethod", "classmethod", "overload", "typing.overload", "abstractmethod", "abc.abstractmethod", "final",
        "typing.final", "override", "typing.override",
    ]
)  # fmt: skip
_UNUSED = (STR,)
