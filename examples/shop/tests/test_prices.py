import pytest
from shop.prices import bulk_discount, format_amount, parse_amount, tax_included


@pytest.mark.parametrize(
    ("quantity", "discount"),
    [(1, 0), (9, 0), (10, 100), (49, 100), (50, 200)],
)
def test_bulk_discount(quantity, discount):
    assert bulk_discount(1000, quantity) == discount


@pytest.mark.parametrize(("kind", "tax"), [("food", 70), ("books", 70), ("goods", 171)])
def test_tax_included(kind, tax):
    assert tax_included(1070, kind) == tax


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00"), (5, "0.05"), (1290, "12.90"), (-150, "-1.50")]
)
def test_format_amount(amount, text):
    assert format_amount(amount) == text


def test_parse_is_the_inverse():
    for amount in (0, 5, 1290, -150):
        assert parse_amount(format_amount(amount)) == amount


def test_parse_rejects_text():
    with pytest.raises(ValueError, match="not an amount"):
        parse_amount("12,90")
