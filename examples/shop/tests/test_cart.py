import pytest
from shop.catalog import UnknownArticle


def test_new_cart_is_empty(cart):
    assert cart.total() == 0


def test_add_twice(cart):
    cart.add("P-500")
    cart.add("P-500", 2)
    assert cart.quantities == {"P-500": 3}


def test_add_nothing(cart):
    with pytest.raises(ValueError, match="at least 1"):
        cart.add("P-500", 0)


def test_add_unknown(cart):
    with pytest.raises(UnknownArticle):
        cart.add("X-999")


def test_remove(full_cart):
    full_cart.remove("M-300")
    assert set(full_cart.quantities) == {"N-400", "A-100"}


def test_total(full_cart):
    assert full_cart.total() == 1290 + 432 + 1700


def test_tax(full_cart):
    assert full_cart.tax() == 84 + 28 + 271


def test_receipt(full_cart):
    assert full_cart.receipt().splitlines() == [
        "Apple                   4.32",
        "Mug                    17.00",
        "Novel                  12.90",
        "Total                  34.22",
    ]
