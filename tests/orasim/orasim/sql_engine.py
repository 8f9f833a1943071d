"""Runs a SELECT: views become tables of an SQLite in memory, Oracle's functions are Python's."""

import sqlite3
import time

from . import views
from .errors import OraError, ora
from .sql_emit import Emitter
from .sql_parse import Parser

DATE_MASK = "DD-MON-RR"
MASKS = [("YYYY", "%Y"), ("RRRR", "%Y"), ("HH24", "%H"), ("HH12", "%I"), ("MONTH", "%B"),
         ("MON", "%b"), ("MM", "%m"), ("MI", "%M"), ("DD", "%d"), ("SS", "%S"), ("YY", "%y"),
         ("RR", "%y"), ("HH", "%I"), ("DAY", "%A"), ("DY", "%a"), ("J", "%j"), ("TZH", "%TZH"),
         ("TZM", "%TZM"), ("FF", "%FF"), ("AM", "%p"), ("PM", "%p")]


def date_text(seconds, mask):
    """TO_CHAR of a date of controlfile.now(); what stands in double quotes is taken as it is."""
    if seconds is None:
        return None
    moment = time.gmtime(seconds)
    offset = time.strftime("%z", time.localtime())
    out, k = "", 0
    while k < len(mask):
        if mask[k] == '"':
            end = mask.index('"', k + 1)
            out += mask[k + 1:end]
            k = end + 1
            continue
        upper = mask[k:].upper()
        for name, code in sorted(MASKS, key=lambda m: -len(m[0])):
            if upper.startswith(name):
                if code == "%TZH":
                    out += offset[:3]
                elif code == "%TZM":
                    out += offset[3:]
                elif code == "%FF":
                    out += "000000"
                else:
                    text = time.strftime(code, moment)
                    out += text.upper() if name in ("MON", "DAY", "DY", "MONTH") else text
                k += len(name)
                break
        else:
            if mask[k].isalnum():
                raise OraError("ORA-01821: date format not recognized")
            out += mask[k]
            k += 1
    return out


def number_text(value):
    """TO_CHAR of a number without a mask."""
    if value is None:
        return None
    if isinstance(value, str):
        value = to_number(value)
    if isinstance(value, float):
        if value >= 1.8446744073709550e19:
            return "18446744073709551615"
        if value == int(value) and abs(value) < 1e38:
            return str(int(value))
        text = f"{value:.10f}".rstrip("0")
        return text[1:] if text.startswith("0.") else text.replace("-0.", "-.")
    return str(value)


def to_number(value, _mask=None):
    if value is None or not isinstance(value, str):
        return value
    try:
        return int(value) if value.strip().lstrip("+-").isdigit() else float(value)
    except ValueError as error:
        raise ora("ORA-01722") from error


def masked(value, mask):
    if value is None or mask is None:
        return number_text(value)
    if set(mask.upper()) <= set("FM90,.") :
        plain = mask.upper().replace("FM", "")
        digits = len(plain.split(".")[1]) if "." in plain else 0
        text = f"{float(value):,.{digits}f}" if "," in plain else f"{float(value):.{digits}f}"
        width = len(plain) + 1
        if len(text) > width:
            return "#" * width
        return text if "FM" in mask.upper() else text.rjust(width)
    if set(mask.upper()) <= set("FMX0"):
        return f"{int(value):{'x' if mask.islower() else 'X'}}"
    raise OraError("ORA-01481: invalid number format model")


def text_of(value):
    return "" if value is None else value if isinstance(value, str) else number_text(value)


def none_if_empty(value):
    return None if value == "" else value


def with_nulls(function):
    """Oracle's functions give NULL for a NULL, and NULL for ''."""
    def wrapped(*args):
        if any(a is None for a in args):
            return None
        return none_if_empty(function(*args))
    return wrapped


def substr(value, start, length=None):
    value, start = text_of(value), int(start)
    start = start - 1 if start > 0 else len(value) + start if start < 0 else 0
    return value[start:] if length is None else value[start:start + max(int(length), 0)]


def instr(value, part, start=1, nth=1):
    at = int(start) - 2
    for _ in range(int(nth)):
        at = text_of(value).find(text_of(part), at + 1)
        if at < 0:
            return 0
    return at + 1


def pad(value, length, fill, left):
    value, fill = text_of(value), text_of(fill)
    short = max(int(length) - len(value), 0)
    more = (fill * (short // len(fill) + 1))[:short]
    return (more + value if left else value + more)[:int(length)]


def like(value, pattern, escape):
    if value is None or pattern is None:
        return None
    value, pattern, at = text_of(value), text_of(pattern), 0
    out = ""
    import re  # only here: most runs have no LIKE
    while at < len(pattern):
        char = pattern[at]
        if escape and char == escape and at + 1 < len(pattern):
            at += 1
            out += re.escape(pattern[at])
        else:
            out += ".*" if char == "%" else "." if char == "_" else re.escape(char)
        at += 1
    return re.fullmatch(out, value, re.DOTALL) is not None


def decode(subject, *rest):
    for k in range(0, len(rest) - 1, 2):
        if rest[k] == subject:
            return rest[k + 1]
    return rest[-1] if len(rest) % 2 else None


def trunc(value, places=0):
    scale = 10 ** int(places or 0)
    return value if isinstance(value, int) and not places else int(value * scale) / scale


SIMPLE = {
    "o_chr": with_nulls(lambda n: chr(int(n))),
    "o_upper": with_nulls(lambda s: text_of(s).upper()),
    "o_lower": with_nulls(lambda s: text_of(s).lower()),
    "o_initcap": with_nulls(lambda s: text_of(s).title()),
    "o_substr": with_nulls(substr), "o_instr": with_nulls(instr),
    "o_length": with_nulls(lambda s: len(text_of(s))),
    "o_trim": with_nulls(lambda s: text_of(s).strip(" ")),
    "o_ltrim": with_nulls(lambda s, c=" ": text_of(s).lstrip(c)),
    "o_rtrim": with_nulls(lambda s, c=" ": text_of(s).rstrip(c)),
    "o_lpad": with_nulls(lambda s, n, f=" ": pad(s, n, f, True)),
    "o_rpad": with_nulls(lambda s, n, f=" ": pad(s, n, f, False)),
    "o_round": with_nulls(lambda n, p=0: round(n, int(p)) if p else int(n + (.5 if n >= 0 else -.5))),
    "o_trunc": with_nulls(trunc), "o_mod": with_nulls(lambda a, b: a % b if b else a),
    "o_abs": with_nulls(abs), "o_ceil": with_nulls(lambda n: -int(-n // 1)),
    "o_floor": with_nulls(lambda n: int(n // 1)),
    "o_ascii": with_nulls(lambda s: ord(text_of(s)[0])),
    "o_sign": with_nulls(lambda n: (n > 0) - (n < 0)),
    "o_translate": with_nulls(lambda s, a, b: text_of(s).translate(
        {ord(c): b[k] if k < len(b) else None for k, c in enumerate(a)})),
    "o_greatest": with_nulls(lambda *n: max(n)), "o_least": with_nulls(lambda *n: min(n)),
    "o_replace": lambda s, a, b=None: None if s is None else none_if_empty(
        text_of(s).replace(text_of(a), text_of(b)) if a else s),
    "o_nvl": lambda a, b: b if a is None else a,
    "o_nvl2": lambda a, b, c: c if a is None else b,
    "o_coalesce": lambda *n: next((v for v in n if v is not None), None),
    "o_nullif": lambda a, b: None if a == b else a,
    "o_decode": decode, "o_like": like, "o_to_number": to_number, "o_to_char": masked,
}


class Engine:
    """One session's questions."""

    def __init__(self, inst, date_mask=DATE_MASK):
        self.inst = inst
        self.date_mask = date_mask
        self.failure = None

    def function(self, function):
        """SQLite swallows exceptions of functions: the error of Oracle's is kept aside."""
        def wrapped(*args):
            try:
                return function(*args)
            except OraError as error:
                self.failure = error
                raise
        return wrapped

    def scn_time(self, text):
        moment = self.inst.time_of(int(float(text))) if text.replace(".", "").isdigit() else None
        self.inst.need("OPEN")
        if moment is None:
            raise ora("ORA-08181", extra=['ORA-06512: at "SYS.SCN_TO_TIMESTAMP", line 1'])
        return int(moment)

    def concat(self, *parts):
        joined = "".join(map(text_of, parts))
        if len(joined.encode()) > 4000:
            raise OraError("ORA-01489: result of string concatenation is too long")
        return none_if_empty(joined)

    def select(self, text):
        """(rows, [(column, type)])"""
        parser = Parser(text)
        query = parser.statement()
        context = views.Context(self.inst)
        base = sqlite3.connect(":memory:", isolation_level=None)
        base.execute("pragma case_sensitive_like = on")
        for name, function in SIMPLE.items():
            base.create_function(name, -1, self.function(function))
        base.create_function("o_concat", -1, self.function(self.concat))
        base.create_function("o_date", 2, self.function(
            lambda seconds, mask: date_text(seconds, mask or self.date_mask)))
        made = {}

        def view(name):
            if name not in made:
                made[name] = views.columns(context, name)
                views.fill(base, context, name, made[name])
            return made[name]

        sql, columns = Emitter(view, self).query(query)
        try:
            rows = base.execute(sql).fetchall()
        except sqlite3.Error as error:
            if self.failure is not None:
                raise self.failure from error
            raise OraError(f"ORA-00600: internal error code, arguments: [orasim], [{error}]") \
                from error
        finally:
            base.close()
        if len(query.headings) == len(columns):
            columns = [(name if not name.startswith("_c") else query.headings[k], kind)
                       for k, (name, kind) in enumerate(columns)]
        return rows, columns
