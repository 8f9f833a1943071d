"""From Oracle's syntax tree to SQLite's SQL, with Oracle's types and its NULL.

Types: C text, N number, D date (seconds since 1970), T timestamp with time zone, ? the NULL."""

import re

from . import controlfile
from .errors import OraError, ora
from .sql_parse import Query

AGGREGATES = {"count", "min", "max", "sum", "avg"}

#: name -> (fewest arguments, most, result: a type or "first")
FUNCTIONS = {
    "chr": (1, 1, "C"), "nvl": (2, 2, "first"), "nvl2": (3, 3, "second"), "greatest": (1, 99, "first"),
    "least": (1, 99, "first"), "upper": (1, 1, "C"), "lower": (1, 1, "C"), "initcap": (1, 1, "C"),
    "substr": (2, 3, "C"), "instr": (2, 4, "N"), "length": (1, 1, "N"), "trim": (1, 1, "C"),
    "ltrim": (1, 2, "C"), "rtrim": (1, 2, "C"), "replace": (2, 3, "C"), "lpad": (2, 3, "C"),
    "rpad": (2, 3, "C"), "round": (1, 2, "N"), "trunc": (1, 2, "first"), "mod": (2, 2, "N"),
    "abs": (1, 1, "N"), "ceil": (1, 1, "N"), "floor": (1, 1, "N"), "to_number": (1, 2, "N"),
    "coalesce": (2, 99, "first"), "nullif": (2, 2, "first"), "decode": (3, 99, "third"),
    "ascii": (1, 1, "N"), "translate": (3, 3, "C"), "sign": (1, 1, "N"),
    "sys_context": (2, 2, "C"), "regexp_like": (2, 3, "N"),
}


class Scope:
    def __init__(self, parent=None):
        self.parent = parent
        self.tables = []  # (alias, {column: type})

    def find(self, alias, name):
        hits = [(a, columns[name]) for a, columns in self.tables
                if (alias is None or a == alias) and name in columns]
        if len(hits) > 1:
            raise ora("ORA-00918")
        if hits:
            return hits[0]
        if self.parent is not None:
            return self.parent.find(alias, name)
        full = f'"{alias.upper()}"."{name.upper()}"' if alias else f'"{name.upper()}"'
        raise ora("ORA-00904", full)


class Emitter:
    """view(name) gives the columns {name: type} of a view, or raises ORA-00942."""

    def __init__(self, view, engine):
        self.view = view
        self.engine = engine

    # queries ------------------------------------------------------------------------------------------
    def query(self, query, parent=None):
        """(sql, [(name, type)])"""
        sql, columns = self.select(query, parent)
        for operator, other in query.compound:
            more, others = self.select(other, parent)
            if len(others) != len(columns):
                raise OraError("ORA-01789: query block has incorrect number of result columns")
            for (_, left), (_, right) in zip(columns, others):
                if left != right and "?" not in (left, right):
                    raise OraError("ORA-01790: expression must have same datatype as corresponding "
                                   "expression")
            sql += f" {'except' if operator == 'minus' else operator} {more}"
        if query.order and query.compound:
            sql += " order by " + self.order(query, None, columns)
        return sql, columns

    def select(self, query, parent):
        scope = Scope(parent)
        sources = []
        for name, alias, condition, kind in query.tables:
            if isinstance(name, Query):
                inner, found = self.query(name, parent)
                source, columns = f"({inner})", dict(found)
                alias = alias or f"_q{len(sources)}"
            else:
                source, columns = f'"{name}"', self.view(name)
                alias = alias or name
            scope.tables.append((alias, columns))
            joined = f'{source} as "{alias}"'
            if condition is None:
                sources.append(("," if sources else "") + joined)
            else:
                join = "left join" if kind == "left" else "join"
                sources.append(f" {join} {joined} on {self.expr(condition, scope)[0]}")
        items, columns = self.items(query, scope)
        sql = f"select {'distinct ' if query.distinct else ''}{', '.join(items)} from " \
              f"{''.join(sources)}"
        where, limit = self.rownum(query.where)
        if where is not None:
            sql += " where " + self.condition(where, scope)
        if query.group:
            sql += " group by " + ", ".join(self.expr(g, scope)[0] for g in query.group)
        if query.having is not None:
            sql += " having " + self.condition(query.having, scope)
        self.check_groups(query)
        if query.order and not query.compound:
            if limit is not None:
                raise OraError("ORA-03001: unimplemented feature: ROWNUM together with ORDER BY")
            sql += " order by " + self.order(query, scope, columns)
        if limit is not None:
            sql = f"select * from ({sql} limit {limit})"
        return sql, columns

    def items(self, query, scope):
        items, columns = [], []
        for expression, alias in query.items:
            if expression[0] == "star":
                for name, listed in scope.tables:
                    if len(expression) == 1 or expression[1] == name:
                        for column, kind in listed.items():
                            items.append(f'"{name}"."{column}"')
                            columns.append((column, kind))
                continue
            sql, kind = self.expr(expression, scope)
            if kind == "B":
                raise ora("ORA-00923")
            label = alias or (expression[2] if expression[0] == "col" else f"_c{len(columns)}")
            items.append(f'{sql} as "{label}"')
            columns.append((label, kind))
        return items, columns

    def order(self, query, scope, columns):
        out = []
        for expression, descending, nulls in query.order:
            names = [name for name, _ in columns]
            if expression[0] == "num":
                if int(expression[1]) > len(columns):
                    raise OraError("ORA-01785: ORDER BY item must be the number of a SELECT-list "
                                   "expression")
                sql = expression[1]
            elif expression[0] == "col" and expression[1] is None and expression[2] in names:
                sql = f'"{expression[2]}"'
            elif scope is None:
                raise OraError("ORA-01785: ORDER BY item must be the number of a SELECT-list "
                               "expression")
            else:
                sql = self.expr(expression, scope)[0]
            nulls = nulls or ("first" if descending else "last")
            out.append(f"{sql} {'desc' if descending else 'asc'} nulls {nulls}")
        return ", ".join(out)

    def rownum(self, where):
        """ROWNUM = 1, < n or <= n at the top of a WHERE becomes a limit."""
        if where is None:
            return None, None
        if where[0] == "op" and where[1] == "and":
            left, first = self.rownum(where[2])
            right, second = self.rownum(where[3])
            kept = left if right is None else right if left is None else ("op", "and", left, right)
            return kept, first if second is None else second
        if where[0] == "op" and where[2] == ("col", None, "rownum") and where[3][0] == "num":
            number = int(where[3][1])
            if where[1] == "=":
                return None, number if number == 1 else 0
            if where[1] in ("<", "<="):
                return None, number - (where[1] == "<")
        return where, None

    # groups -------------------------------------------------------------------------------------------
    def check_groups(self, query):
        aggregated = any(self.aggregates(e) for e, _ in query.items)
        if not aggregated and not query.group:
            return
        for expression, _ in query.items:
            if not self.grouped(expression, query.group):
                raise OraError("ORA-00979: not a GROUP BY expression" if query.group
                               else "ORA-00937: not a single-group group function")

    def aggregates(self, node):
        if not isinstance(node, tuple):
            return any(self.aggregates(n) for n in node) if isinstance(node, list) else False
        if node and node[0] == "call" and node[1] in AGGREGATES:
            return True
        return any(self.aggregates(n) for n in node)

    def grouped(self, node, groups):
        if node in groups or node[0] in ("str", "num", "null", "query"):
            return True
        if node[0] == "call" and node[1] in AGGREGATES:
            return True
        if node[0] in ("star",) or node[0] == "col" and node[2] not in ("sysdate", "systimestamp"):
            return False
        parts = [n for n in node[1:] if isinstance(n, tuple)]
        for listed in (n for n in node[1:] if isinstance(n, list)):
            parts += [n for n in listed if isinstance(n, tuple)]
        return all(self.grouped(n, groups) for n in parts if isinstance(n[0], str))

    # expressions --------------------------------------------------------------------------------------
    def condition(self, node, scope):
        sql, kind = self.expr(node, scope)
        if kind != "B":
            raise OraError("ORA-00920: invalid relational operator")
        return sql

    def value(self, node, scope):
        sql, kind = self.expr(node, scope)
        if kind == "B":
            raise ora("ORA-00936")
        return sql, kind

    def expr(self, node, scope):
        return getattr(self, "emit_" + node[0])(node, scope)

    def emit_str(self, node, scope):
        if node[1] == "":
            return "null", "C"
        return "'" + node[1].replace("'", "''") + "'", "C"

    def emit_num(self, node, scope):
        return (node[1] + ".0" if int(float(node[1])) >= 1 << 63 else node[1]), "N"

    def emit_null(self, node, scope):
        return "null", "?"

    def emit_star(self, node, scope):
        raise ora("ORA-00936")

    def emit_col(self, node, scope):
        alias, name = node[1], node[2]
        if alias is None and name == "sysdate":
            return str(controlfile.now()), "D"
        if alias is None and name == "systimestamp":
            return str(controlfile.now()), "T"
        if alias is None and name == "user":
            return "'SYS'", "C"
        found, kind = scope.find(alias, name)
        return f'"{found}"."{name}"', kind

    def emit_query(self, node, scope):
        sql, columns = self.query(node[1], scope)
        if len(columns) != 1:
            raise OraError("ORA-00913: too many values")
        return f"({sql})", columns[0][1]

    def emit_exists(self, node, scope):
        return f"exists ({self.query(node[1], scope)[0]})", "B"

    def emit_not(self, node, scope):
        return f"(not {self.condition(node[1], scope)})", "B"

    def emit_neg(self, node, scope):
        return f"(-{self.value(node[1], scope)[0]})", "N"

    def emit_isnull(self, node, scope):
        return f"({self.value(node[1], scope)[0]} is {'not ' if node[2] else ''}null)", "B"

    def emit_op(self, node, scope):
        operator = node[1]
        if operator in ("and", "or"):
            return (f"({self.condition(node[2], scope)} {operator} "
                    f"{self.condition(node[3], scope)})"), "B"
        if operator == "||":
            return self.concat(node, scope), "C"
        left, right = self.value(node[2], scope), self.value(node[3], scope)
        if operator in ("+", "-", "*", "/"):
            return self.arithmetic(operator, left, right)
        left, right = self.alike(left, right)
        return f"({left} {operator} {right})", "B"

    def concat(self, node, scope):
        """A chain of || is one call: SQLite's parser has a small stack."""
        parts = []
        while node[0] == "op" and node[1] == "||":
            parts.append(node[3])
            node = node[2]
        parts = [self.text(self.value(p, scope)) for p in [node, *reversed(parts)]]
        while len(parts) > 100:
            parts[:100] = [f"o_concat({', '.join(parts[:100])})"]
        return f"o_concat({', '.join(parts)})"

    def arithmetic(self, operator, left, right):
        kinds = left[1] + right[1]
        if kinds in ("DN", "D?") and operator in "+-":
            return f"({left[0]} {operator} 86400 * {right[0]})", "D"
        if kinds == "DD" and operator == "-":
            return f"(({left[0]} - {right[0]}) / 86400.0)", "N"
        if "D" in kinds or "T" in kinds:
            raise OraError("ORA-00932: inconsistent datatypes: expected NUMBER got DATE")
        division = " * 1.0" if operator == "/" else ""
        return f"({self.number(left)}{division} {operator} {self.number(right)})", "N"

    def number(self, value):
        return f"o_to_number({value[0]})" if value[1] == "C" else value[0]

    def text(self, value):
        if value[1] in "DT":
            return f"o_date({value[0]}, null)"
        return value[0]

    def alike(self, left, right):
        """Both sides of a comparison in one type, as Oracle converts them."""
        kinds = {left[1], right[1]}
        if kinds == {"C", "N"}:
            return self.number(left), self.number(right)
        if "D" in kinds and "N" in kinds:
            raise OraError("ORA-00932: inconsistent datatypes: expected DATE got NUMBER")
        if "D" in kinds and "C" in kinds:
            raise OraError("ORA-01861: literal does not match format string")
        return left[0], right[0]

    def emit_in(self, node, scope):
        left = self.value(node[1], scope)
        negated = "not " if node[3] else ""
        if isinstance(node[2], Query):
            return f"({left[0]} {negated}in ({self.query(node[2], scope)[0]}))", "B"
        listed = ", ".join(self.alike(left, self.value(n, scope))[1] for n in node[2])
        return f"({left[0]} {negated}in ({listed}))", "B"

    def emit_between(self, node, scope):
        value, low, high = (self.value(n, scope) for n in node[1:4])
        low, high = self.alike(value, low)[1], self.alike(value, high)[1]
        return f"({value[0]} {'not ' if node[4] else ''}between {low} and {high})", "B"

    def emit_like(self, node, scope):
        value, pattern = self.value(node[1], scope)[0], self.value(node[2], scope)[0]
        escape = self.value(node[3], scope)[0] if node[3] else "null"
        return f"({'not ' if node[4] else ''}o_like({value}, {pattern}, {escape}))", "B"

    def emit_case(self, node, scope):
        _, subject, branches, otherwise = node
        sql, kind = "case", "?"
        if subject is not None:
            sql += " " + self.value(subject, scope)[0]
        for when, then in branches:
            test = self.value(when, scope)[0] if subject is not None else self.condition(when, scope)
            value = self.value(then, scope)
            kind = value[1] if kind == "?" else kind
            sql += f" when {test} then {value[0]}"
        if otherwise is not None:
            value = self.value(otherwise, scope)
            kind = value[1] if kind == "?" else kind
            sql += f" else {value[0]}"
        return f"({sql} end)", kind

    def emit_call(self, node, scope):
        _, name, args, distinct = node
        if name in AGGREGATES:
            return self.aggregate(name, args, distinct, scope)
        if distinct:
            raise OraError("ORA-30482: DISTINCT option not allowed for this function")
        values = [self.value(a, scope) for a in args]
        if name == "to_char":
            return self.to_char(values)
        if name == "scn_to_timestamp":
            moment = self.engine.scn_time(values[0][0])
            return str(moment), "T"
        if name == "timestamp_to_scn" or name not in FUNCTIONS:
            raise ora("ORA-00904", f'"{name.upper()}"')
        fewest, most, result = FUNCTIONS[name]
        if len(values) < fewest:
            raise OraError("ORA-00909: invalid number of arguments" if values else
                           "ORA-00936: missing expression")
        if len(values) > most:
            raise OraError("ORA-00909: invalid number of arguments")
        at = {"first": 0, "second": 1, "third": 2}.get(result)
        kind = result if at is None else values[at][1]
        if name in ("nvl", "coalesce") and kind == "N" and values[1][1] == "C":
            values[1] = (self.number(values[1]), "N")
        if name == "chr" and not re.fullmatch(r"\d+", values[0][0]):
            raise ora("ORA-01722")
        return f"o_{name}({', '.join(v for v, _ in values)})", kind

    def aggregate(self, name, args, distinct, scope):
        if len(args) != 1:
            raise OraError("ORA-00909: invalid number of arguments")
        if args[0] == ("star",):
            if name != "count":
                raise ora("ORA-00936")
            return "count(*)", "N"
        sql, kind = self.value(args[0], scope)
        if name in ("sum", "avg"):
            sql = self.number((sql, kind))
        kind = kind if name in ("min", "max") else "N"
        return f"{name}({'distinct ' if distinct else ''}{sql})", kind

    def to_char(self, values):
        if not values or len(values) > 3:
            raise OraError("ORA-00909: invalid number of arguments")
        sql, kind = values[0]
        mask = values[1][0] if len(values) > 1 else "null"
        if kind == "D" or kind == "T":
            return f"o_date({sql}, {mask})", "C"
        if kind == "N":
            return f"o_to_char({sql}, {mask})", "C"
        if mask != "null":
            return f"o_to_char(o_to_number({sql}), {mask})", "C"
        return sql, "C"
