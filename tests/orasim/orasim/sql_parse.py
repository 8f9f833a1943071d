"""Oracle's SELECT, as far as questions to V$ views need it: tokens and a syntax tree.

Nodes are tuples: ("col", alias or None, name) ("str", s) ("num", text) ("null",) ("call", name,
[args], distinct) ("star",) ("op", op, a, b) ("not", a) ("neg", a) ("isnull", a, negated) ("in", a,
[list] or query, negated) ("between", a, low, high, negated) ("like", a, pattern, escape, negated)
("case", subject, [(when, then)], otherwise) ("exists", query) ("query", query)."""

import re

from .errors import OraError, ora

TOKEN = re.compile(r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<str>[nN]?'(?:[^']|'')*')
  | (?P<num>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<name>[A-Za-z][\w$\#]*)
  | (?P<quoted>"[^"\0]+")
  | (?P<op>\|\||<>|!=|\^=|<=|>=|=>|:=|[-+*/=<>(),.;:@\[\]{}%?&~`!|^])
""", re.VERBOSE | re.DOTALL)

RESERVED = set("""select from where group by order having union minus intersect all distinct unique and
or not in is null like between exists case when then else end as on asc desc with connect start
nowait share mode table view create alter drop set values into insert update delete grant revoke
level rownum sysdate uid user size number date char varchar varchar2 for of to trigger check column
comment""".split()) - {"level", "user", "uid", "rownum", "sysdate", "end", "mode", "comment", "column"}


def tokens(text):
    """(kind, value, position); ORA-00911 for what Oracle has no use for."""
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ora("ORA-00911") if text[at] != "'" else OraError(
                "ORA-01756: quoted string not properly terminated")
        kind = match.lastgroup
        value = match[0]
        if kind == "op" and value in ";[]{}%?&~`|!^:":
            raise ora("ORA-00911")
        if kind == "str":
            found.append(("str", value[value.index("'") + 1:-1].replace("''", "'"), at))
        elif kind == "quoted":
            found.append(("quoted", value[1:-1], at))
        elif kind == "name":
            found.append(("name", value.lower(), at))
        elif kind != "space":
            found.append((kind, value, at))
        at = match.end()
    found.append(("end", "", at))
    return found


class Query:
    """One SELECT; `compound` holds (operator, Query) that follow."""

    def __init__(self):
        self.distinct = False
        self.items = []      # (expression, alias or None)
        self.headings = []   # the text of each, as SQL*Plus shows it above a column
        self.tables = []     # (name or Query, alias, join condition or None, "inner" | "left")
        self.where = None
        self.group = []
        self.having = None
        self.order = []      # (expression, descending, nulls first | last | None)
        self.compound = []


class Parser:
    def __init__(self, text):
        self.text = text
        self.list = tokens(text)
        self.at = 0

    # helpers ------------------------------------------------------------------------------------------
    def peek(self, ahead=0):
        return self.list[min(self.at + ahead, len(self.list) - 1)]

    def word(self, *words):
        """Takes the next token when it is one of these words."""
        kind, value, _ = self.peek()
        if kind == "name" and value in words:
            self.at += 1
            return value
        return None

    def operator(self, *ops):
        kind, value, _ = self.peek()
        if kind == "op" and value in ops:
            self.at += 1
            return value
        return None

    def close(self):
        if not self.operator(")"):
            raise ora("ORA-00907")

    # queries ------------------------------------------------------------------------------------------
    def statement(self):
        query = self.query()
        if self.peek()[0] != "end":
            raise ora("ORA-00933")
        return query

    def query(self):
        first = self.select()
        while True:
            operator = self.word("union", "minus", "intersect")
            if not operator:
                break
            if operator == "union" and self.word("all"):
                operator = "union all"
            first.compound.append((operator, self.select()))
        if self.word("order"):
            if not self.word("by"):
                raise OraError("ORA-00924: missing BY keyword")
            first.order = self.order_list()
        return first

    def select(self):
        if self.operator("("):
            inner = self.query()
            self.close()
            return inner
        if not self.word("select"):
            raise ora("ORA-00900")
        query = Query()
        query.distinct = bool(self.word("distinct", "unique"))
        if not query.distinct:
            self.word("all")
        self.item_of(query)
        while self.operator(","):
            self.item_of(query)
        if not self.word("from"):
            raise ora("ORA-00923")
        self.table_list(query)
        if self.word("where"):
            query.where = self.expression()
        if self.word("group"):
            if not self.word("by"):
                raise OraError("ORA-00924: missing BY keyword")
            query.group.append(self.expression())
            while self.operator(","):
                query.group.append(self.expression())
        if self.word("having"):
            query.having = self.expression()
        return query

    def item_of(self, query):
        begin = self.peek()[2]
        query.items.append(self.item())
        query.headings.append("".join(self.text[begin:self.peek()[2]].split()).upper())

    def item(self):
        if self.operator("*"):
            return ("star",), None
        expression = self.expression()
        if self.word("as"):
            return expression, self.identifier()
        kind, value, _ = self.peek()
        if kind == "quoted" or kind == "name" and value not in RESERVED:
            return expression, self.identifier()
        return expression, None

    def identifier(self):
        kind, value, _ = self.peek()
        if kind not in ("name", "quoted") or kind == "name" and value in RESERVED:
            raise OraError("ORA-01747: invalid user.table.column, table.column, or column "
                           "specification")
        self.at += 1
        return value.lower()

    def table_list(self, query):
        query.tables.append((*self.table(), None, "inner"))
        while True:
            if self.operator(","):
                query.tables.append((*self.table(), None, "inner"))
                continue
            kind = "left" if self.word("left") else "inner"
            if kind == "left":
                self.word("outer")
            elif self.word("inner"):
                pass
            if self.word("join"):
                name, alias = self.table()
                if not self.word("on"):
                    raise OraError("ORA-00905: missing keyword")
                query.tables.append((name, alias, self.expression(), kind))
                continue
            return

    def table(self):
        if self.operator("("):
            inner = self.query()
            self.close()
            return inner, self.table_alias()
        kind, value, _ = self.peek()
        if kind not in ("name", "quoted") or kind == "name" and value in RESERVED:
            raise OraError("ORA-00903: invalid table name")
        self.at += 1
        name = value.lower()
        if self.operator("."):
            if name != "sys":
                raise ora("ORA-00942")
            name = self.identifier()
        return name, self.table_alias()

    def table_alias(self):
        kind, value, _ = self.peek()
        if kind == "name" and value in ("left", "inner", "join", "outer", "fetch", "limit"):
            return None
        if kind == "quoted" or kind == "name" and value not in RESERVED:
            self.at += 1
            return value.lower()
        return None

    def order_list(self):
        found = []
        while True:
            expression = self.expression()
            descending = self.word("asc", "desc") == "desc"
            nulls = None
            if self.word("nulls"):
                nulls = self.word("first", "last")
            found.append((expression, descending, nulls))
            if not self.operator(","):
                return found

    # expressions --------------------------------------------------------------------------------------
    def expression(self):
        left = self.conjunction()
        while self.word("or"):
            left = ("op", "or", left, self.conjunction())
        return left

    def conjunction(self):
        left = self.negation()
        while self.word("and"):
            left = ("op", "and", left, self.negation())
        return left

    def negation(self):
        if self.word("not"):
            return ("not", self.negation())
        return self.comparison()

    def comparison(self):
        left = self.sum()
        operator = self.operator("=", "<>", "!=", "^=", "<", ">", "<=", ">=")
        if operator:
            operator = "<>" if operator in ("!=", "^=") else operator
            return ("op", operator, left, self.sum())
        if self.word("is"):
            negated = bool(self.word("not"))
            if not self.word("null"):
                raise OraError("ORA-00908: missing NULL keyword")
            return ("isnull", left, negated)
        negated = bool(self.word("not"))
        if self.word("in"):
            return ("in", left, self.in_list(), negated)
        if self.word("between"):
            low = self.sum()
            if not self.word("and"):
                raise OraError("ORA-00905: missing keyword")
            return ("between", left, low, self.sum(), negated)
        if self.word("like"):
            pattern = self.sum()
            escape = self.sum() if self.word("escape") else None
            return ("like", left, pattern, escape, negated)
        if negated:
            raise ora("ORA-00936")
        return left

    def in_list(self):
        if not self.operator("("):
            raise OraError("ORA-00906: missing left parenthesis")
        if self.peek()[:2] == ("name", "select"):
            found = self.query()
        else:
            found = [self.expression()]
            while self.operator(","):
                found.append(self.expression())
        self.close()
        return found

    def sum(self):
        left = self.product()
        while True:
            operator = self.operator("+", "-", "||")
            if not operator:
                return left
            left = ("op", operator, left, self.product())

    def product(self):
        left = self.unary()
        while True:
            operator = self.operator("*", "/")
            if not operator:
                return left
            left = ("op", operator, left, self.unary())

    def unary(self):
        if self.operator("-"):
            return ("neg", self.unary())
        self.operator("+")
        return self.primary()

    def primary(self):
        kind, value, _ = self.peek()
        if kind == "str":
            self.at += 1
            return ("str", value)
        if kind == "num":
            self.at += 1
            return ("num", value)
        if self.operator("("):
            if self.peek()[:2] == ("name", "select"):
                inner = ("query", self.query())
            else:
                inner = self.expression()
            self.close()
            return inner
        if self.word("null"):
            return ("null",)
        if self.word("case"):
            return self.case()
        if self.peek()[:2] == ("name", "exists") and self.peek(1)[1] == "(":
            self.at += 2
            inner = self.query()
            self.close()
            return ("exists", inner)
        if kind == "name" and value not in RESERVED or kind == "quoted":
            return self.named()
        raise ora("ORA-00936")

    def named(self):
        name = self.identifier()
        if self.operator("."):
            if self.operator("*"):
                return ("star", name)
            return ("col", name, self.identifier())
        if not self.operator("("):
            return ("col", None, name)
        distinct, args = False, []
        if self.operator("*"):
            args = [("star",)]
        elif not (self.peek()[0] == "op" and self.peek()[1] == ")"):
            distinct = bool(self.word("distinct"))
            args.append(self.expression())
            while self.operator(","):
                args.append(self.expression())
        self.close()
        if self.peek()[:2] == ("name", "over"):
            raise OraError("ORA-30483: window functions are not allowed here")
        return ("call", name, args, distinct)

    def case(self):
        subject = None if self.peek()[:2] == ("name", "when") else self.expression()
        branches, otherwise = [], None
        while self.word("when"):
            when = self.expression()
            if not self.word("then"):
                raise OraError("ORA-00905: missing keyword")
            branches.append((when, self.expression()))
        if self.word("else"):
            otherwise = self.expression()
        if not branches or not self.word("end"):
            raise OraError("ORA-00905: missing keyword")
        return ("case", subject, branches, otherwise)
