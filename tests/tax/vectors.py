#!/usr/bin/env python3
"""The vectors of import tax, computed a second time.

Reads the data files of services/domain/data (numbers of the law, sample tariff, cases) and computes every
case with fractions, straight from the text of the rules and without a line of the program. Ends with 1 and
says where a result in the files is another one; with --write, puts what it computes into new cases whose
results are still missing. Other systems may read the cases the same way.
"""

import datetime
import pathlib
import sys
import tomllib
from fractions import Fraction

DATA = pathlib.Path(__file__).resolve().parents[2] / "services" / "domain" / "data"


def load(name):
    return tomllib.loads((DATA / name).read_text(encoding="utf-8"))


LAW, TARIFF = load("import-tax.toml"), load("sample-tariff.toml")
DAY = datetime.date.fromisoformat


def holds(table, day):
    return DAY(table["valid_from"]) <= day <= DAY(table.get("valid_to", "9999-12-31"))


def number(name, day):
    (found,) = [p["value"] for p in LAW["parameter"] if p["name"] == name and holds(p, day)]
    return found


def fen(yuan):
    """Half up, once."""
    return (yuan * 100 + Fraction(1, 2)).__floor__()


def price_for_one(price, quantity, unit):
    """Yuan for a millilitre or gram, and for a sheet."""
    thousand = {"035": 1000, "095": 1000, "036": 1, "096": 1}
    if unit in thousand:
        return price / (quantity * thousand[unit]), None
    return None, price / quantity


def taxes(case):
    day = DAY(case["day"])
    (row,) = [r for r in TARIFF["tariff"] if r["code"] == case["code"] and holds(r, day)]
    price = Fraction(case["price"]) + Fraction(case["freight"])
    quantity = Fraction(case["qty1"])
    v = Fraction(number(row["vat"], day), 10_000)
    c = Fraction(row.get("consumption_bp", 0), 10_000)
    if row.get("threshold"):
        measure, sheet = price_for_one(price, quantity, case["unit1"])
        most = Fraction(number("cosmetics.per_measure_fen", day), 100)
        most_sheet = Fraction(number("cosmetics.per_sheet_fen", day), 100)
        reached = measure is not None and measure >= most
        reached = reached or (sheet is not None and sheet >= most_sheet)
        c = c if reached else Fraction(0)
    s = Fraction(0)
    if "unit" in row:
        assert row["unit"] == case["unit1"], case["name"]
        s = quantity * Fraction(row["per_unit_e5"], 100_000)
    result = {}
    for way in ("within", "full"):
        inside = way == "within"
        d = Fraction(number("within.duty_bp", day) if inside else row["duty_bp"], 10_000)
        k = Fraction(number("within.collected_percent", day), 100) if inside else Fraction(1)
        consumption = (price * (1 + d) * c + s) / (1 - c)
        vat = (price * (1 + d) + consumption) * v
        result[f"{way}_duty_fen"] = fen(price * d)
        result[f"{way}_consumption_fen"] = fen(consumption * k)
        result[f"{way}_vat_fen"] = fen(vat * k)
    single = Fraction(number("limit.single_fen", day), 100)
    if price <= single:
        result["applies"] = "within"
    else:
        result["applies"] = "full" if Fraction(case["pieces"]) == 1 else "-621005"
    return result


def year(case):
    day = DAY(case["day"])
    after = Fraction(case["used"]) + Fraction(case["price"])
    limit = Fraction(number("limit.annual_fen", day), 100)
    if after <= limit:
        return {"used_after_fen": fen(after)}
    return {"refused": "1313", "text": f"totalPrice：{float(after):,.2f} > limitPrice: {float(limit):,.0f};"}


def paid(case):
    due = sum(Fraction(case[key]) for key in ("goods", "freight", "tax")) - Fraction(case["discount"])
    if "payment" in case and Fraction(case["payment"]) != Fraction(case["paid"]):
        return {"refused": "1332"}
    return {"refused": "M5"} if due != Fraction(case["paid"]) else {"paid_fen": fen(due)}


def after_release(case):
    day = DAY(case["day"])
    of = {
        "return_asked": "return.asked_days",
        "goods_back": "return.back_days",
        "paid_from": "payment.first_day",
        "paid_until": "payment.last_day",
    }
    return {
        key: (day + datetime.timedelta(days=number(name, day))).isoformat()
        for key, name in of.items()
    }


def rate_day(case):
    year_, month = map(int, case["month"].split("-"))
    first = datetime.date(year_ - (month == 1), (month - 2) % 12 + 1, 1)
    off = [DAY(day) for day in case.get("holidays", "").split()]
    day = first + datetime.timedelta(days=(2 - first.weekday()) % 7 + 14)
    while day.weekday() > 4 or day in off:
        day += datetime.timedelta(days=1)
    return {"rate_day": day.isoformat()}


KINDS = {
    "case": taxes,
    "year": year,
    "paid": paid,
    "after_release": after_release,
    "rate_day": rate_day,
}


def shown(value):
    return f'"{value}"' if isinstance(value, str) else str(value)


def main():
    wrong = count = 0
    for name in ("import-tax-cases.toml", "import-rule-cases.toml"):
        path = DATA / name
        cases = load(name)
        if "--write" in sys.argv:
            text = path.read_text(encoding="utf-8")
            for kind, compute in KINDS.items():
                for case in cases.get(kind, []):
                    result = compute(case)
                    if any(key in case for key in result):
                        continue
                    head = f'name = "{case["name"]}"\n'
                    start = text.index(head)
                    end = text.find("\n\n", start)
                    end = len(text.rstrip("\n")) if end < 0 else end
                    added = "".join(f"\n{key} = {shown(value)}" for key, value in result.items())
                    text = text[:end] + added + text[end:]
            path.write_text(text, encoding="utf-8")
            cases = load(name)
        for kind, compute in KINDS.items():
            for case in cases.get(kind, []):
                count += 1
                for key, value in compute(case).items():
                    if case.get(key) != value:
                        wrong += 1
                        print(f"{name}: {case['name']}: {key} is {case.get(key)}, computed {value}")
    print(f"{count} cases, {wrong} wrong")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
