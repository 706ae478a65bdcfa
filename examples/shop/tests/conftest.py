import pytest
from shop.cart import Cart
from shop.catalog import ARTICLES, Catalog


@pytest.fixture(scope="session")
def catalog():
    return Catalog(ARTICLES)


@pytest.fixture
def cart(catalog):
    return Cart(catalog)


@pytest.fixture
def full_cart(cart):
    cart.add("N-400")
    cart.add("A-100", 12)
    cart.add("M-300", 2)
    return cart
