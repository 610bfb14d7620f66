"""The shop's own settings: what may be said in its layers, and of what kind it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from oneiric_lab import Merge, Secret

Share = Annotated[Decimal, Field(ge=0, lt=1)]
Money = Annotated[Decimal, Field(ge=0, decimal_places=2)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Table(BaseModel):
    """A table that takes no key it does not know, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Tls(Table):
    """The encrypted port."""

    enabled: bool = False
    certificate: str | None = None
    key: Secret[str] | None = None


class Server(Table):
    """Where the shop listens, and what it calls itself."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    base_url: Annotated[str, Field(pattern=r"^https?://")] = "http://localhost:8080"
    hosts: Annotated[list[str], Merge.unique] = []
    """Names it answers to; every layer adds its own."""
    tls: Tls = Tls()


class Database(Table):
    """Where orders and the catalogue are kept."""

    path: str = "data/shop.db"
    pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    timeout: Annotated[float, Field(gt=0)] = 5.0
    """Seconds to wait for a lock."""
    password: Secret[str] | None = None


class Method(Table):
    """One way to pay."""

    name: str
    title: str = ""
    fee: Share = Decimal(0)
    """What it costs the shop, as a share of the sum."""


class Checkout(Table):
    """Baskets and prices."""

    currency: Currency = "GBP"
    currencies: Annotated[list[Currency], Merge.append] = []
    """All that are taken; a layer adds to those below."""
    vat_rate: Share = Decimal("0.20")
    free_shipping_from: Money = Decimal(40)
    basket_minutes: Annotated[int, Field(ge=5)] = 120
    """A basket that nobody touched for so long is emptied."""
    methods: Annotated[list[Method], Merge.by_key("name")] = []
    """A layer changes the method of the same name, or adds one."""


class Payments(Table):
    """The payment provider."""

    url: str = "https://pay.example/v1"
    api_key: Secret[str]
    webhook_secret: Secret[str]
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    retries: Annotated[int, Field(ge=0, le=10)] = 3


class Mail(Table):
    """Letters to customers."""

    sender: Address = "orders@example.org"
    reply_to: Address | None = None
    copies: Annotated[list[Address], Merge.unique] = []
    password: Secret[str] | None = None


class Search(Table):
    """Finding things."""

    page_size: Annotated[int, Field(ge=1, le=200)] = 24
    fuzzy: bool = True
    synonyms: dict[str, list[str]] = {}


class Images(Table):
    """Pictures of products."""

    folder: str = "data/images"
    max_width: Annotated[int, Field(ge=100, le=8000)] = 1600
    formats: Annotated[list[Literal["avif", "webp", "jpeg", "png"]], Merge.prepend] = []
    """In the order in which a browser is offered them."""


class Limits(Table):
    """What one visitor may do."""

    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    burst: Annotated[int, Field(ge=1)] = 50
    login_attempts: Annotated[int, Field(ge=1, le=10)] = 5


class Settings(Table):
    """Everything the shop lets its layers say."""

    title: str
    locale: Annotated[str, Field(pattern=r"^[a-z]{2}_[A-Z]{2}$")] = "en_GB"
    contact: Address
    maintenance: bool = False
    """Shows every visitor the same friendly page."""
    server: Server = Server()
    database: Database = Database()
    checkout: Checkout = Checkout()
    payments: Payments
    mail: Mail = Mail()
    search: Search = Search()
    images: Images = Images()
    limits: Limits = Limits()
