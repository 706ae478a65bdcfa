"""How amounts are computed and written."""

TAX_PERCENT = {"food": 7, "books": 7, "goods": 19}


def bulk_discount(amount, quantity):
    """Ten or more of an article cost 10 % less, fifty or more 20 %."""
    if quantity >= 50:
        return amount * 20 // 100
    if quantity >= 10:
        return amount * 10 // 100
    return 0


def tax_included(amount, kind):
    """The tax that is contained in a price, rounded to the cent."""
    percent = TAX_PERCENT[kind]
    return round(amount * percent / (100 + percent))


def format_amount(amount):
    sign = "-" if amount < 0 else ""
    euros, cents = divmod(abs(amount), 100)
    return f"{sign}{euros}.{cents:02}"


def parse_amount(text):
    """The inverse of format_amount."""
    euros, _, cents = text.strip().partition(".")
    if not cents.isdigit() or len(cents) != 2:
        raise ValueError(f"not an amount: {text!r}")
    value = abs(int(euros)) * 100 + int(cents)
    return -value if euros.startswith("-") else value
