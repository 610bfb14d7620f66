"""The sample workspace keeps what the tutorials promise, and all that it offers works."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab import Lab, OneiricError, Secret
from oneiric_lab.errors import InvalidConfigError, NoCandidateError, NotAllowedError
from oneiric_lab.lab import sample_source
from oneiric_lab.plugins import ProbeRequest, probe
from oneiric_lab.registry import DOMAINS, TABLES, load_factory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneiric_lab import Candidate

PROFILES = [(), ("dev",), ("staging",), ("prod",), ("eu",), ("prod", "eu"), ("staging", "eu")]
BASKET = {"boat-a4": 2, "pen": 1}


_built: list[Any] = []
"""What a test has built; closed when it ends, the latest first."""


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab[Any]]:
    """Give the shop under its usual profile, with its folder as the current one."""
    lab = Lab.sample()
    monkeypatch.chdir(lab.root)
    yield lab
    while _built:
        _built.pop().close()


@pytest.fixture
def plugins() -> None:
    """Skip where the example plugins are not installed."""
    for name in ("oneiric_shop_payments", "oneiric_shop_caches"):
        folder = name.replace("_", "-")
        pytest.importorskip(name, reason=f"needs pip install -e extensions/examples/{folder}")


def settings_of(lab: Lab[Any], candidate: Candidate) -> Any:
    """Return the settings of *candidate*, validated by its model; None where it has none."""
    model = candidate.settings_model
    if model is None:
        return None
    if isinstance(model, str):
        module, _, name = model.partition(":")
        model = getattr(import_module(module), name)
    table = TABLES.get(candidate.domain)
    said: dict[str, Any] = {}
    if table is not None:
        domain = getattr(lab.settings, table)
        said |= domain.provider_settings.get(candidate.provider, {})
        said |= domain.settings.get(candidate.key, {})
    return model(**said)


def build(lab: Lab[Any], candidate: Candidate) -> Any:
    """Return a new instance of *candidate*, with new instances of all that it requires."""
    made = {}
    for target in candidate.requires:
        domain, _, key = target.partition(":")
        made[key.replace("-", "_")] = build(lab, lab.registry.resolve(domain, key))
    settings = settings_of(lab, candidate)
    factory = load_factory(candidate)
    instance = factory(**made) if settings is None else factory(settings, **made)
    if hasattr(instance, "close"):
        _built.append(instance)
    return instance


def one(lab: Lab[Any], target: str, provider: str, version: str = "") -> Candidate:
    """Return one candidate by its names."""
    domain, _, key = target.partition(":")
    (found,) = (
        c
        for c in lab.registry.current.candidates(domain, key)
        if c.provider == provider and version in {"", c.version}
    )
    return found


def make(lab: Lab[Any], target: str, provider: str, version: str = "") -> Any:
    """Return a new instance of one candidate, by its names."""
    return build(lab, one(lab, target, provider, version))


def code_of(lab: Lab[Any], target: str, provider: str, **wish: Any) -> str:
    """Return the code of the first reason that keeps a provider out."""
    explanation = lab.explain(target, **wish)
    (code,) = (
        out.refusals[0].code
        for out in explanation.rejected  # type: ignore[union-attr]  # a component has them
        if out.candidate.provider == provider
    )
    return code


@pytest.fixture
def rates() -> Iterator[str]:
    """Return the address of a server that knows the rates of the day."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"EUR": 1.21}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/latest.json"
    server.shutdown()
    server.server_close()
    thread.join()


class TestWorkspace:
    """The layers of the shop, under all its profiles."""

    @pytest.mark.parametrize("names", PROFILES, ids="+".join)
    def test_is_sound_under_every_profile(self, names: tuple[str, ...]) -> None:
        """No profile and no combination has a fault or a warning."""
        (row,) = Lab.sample(profiles=names).check().rows

        assert row[1] == ()

    def test_says_itself_that_it_is_sound(self, shop: Lab[Any]) -> None:
        """The check over all profiles covers those that run together somewhere."""
        check = shop.check(all_profiles=True)

        assert check.ok
        assert {frozenset(names) for names in PROFILES} == {frozenset(n) for n, _ in check.rows}

    @pytest.mark.parametrize("names", PROFILES, ids="+".join)
    def test_keeps_to_its_own_policy(self, names: tuple[str, ...]) -> None:
        """No layer says otherwise than the policy file that ships with it."""
        policy = sample_source() / "policy.toml"

        assert Lab.sample(profiles=names, policy=policy).check().ok

    def test_a_policy_cannot_be_gone_round(self, shop: Lab[Any]) -> None:
        """A value that the policy locks cannot be planned otherwise."""
        held = Lab.open(shop.root, policy=shop.root / "policy.toml", environ={}, trusted=True)
        plan = held.plan({"limits.login_attempts": 9}, layer="project")

        assert [p.code for p in plan.problems] == ["locked-value"]
        with pytest.raises(InvalidConfigError, match="locked by policy"):
            plan.apply()

    def test_shows_every_kind_of_layer(self) -> None:
        """Project, profile table and file, local, secrets, dotenv: each has its word."""
        lab = Lab.sample(profiles=["dev", "prod"], set=["server.workers=3"])

        assert {"project", "profile:dev", "profile:prod", "local", "secrets", "dotenv", "set"} <= {
            layer.name for layer in lab.snapshot.layers
        }
        assert lab.origin("search.page_size").layer == "dotenv"
        assert lab.origin("logging.level").layer == "local"
        assert lab.origin("mail.password").layer == "secrets"

    def test_merges_lists_as_the_schema_says(self) -> None:
        """Append, prepend, unique and by key each show in production on the continent."""
        config = Lab.sample(profiles=["prod", "eu"]).config

        assert config.checkout.currencies == ["GBP", "EUR", "SEK", "PLN"]
        assert config.images.formats == ["avif", "webp", "jpeg"]
        assert config.server.hosts == ["localhost", "www.paperboat.example", "paperboat.example"]
        methods = {m.name: (m.title, m.fee) for m in config.checkout.methods}
        assert {"card", "invoice", "transfer"} == methods.keys()
        assert ("Pay by invoice", Decimal("0.01")) == methods["invoice"]

    def test_has_forty_fields_of_its_own(self, shop: Lab[Any]) -> None:
        """The model has about forty values, so that it is worth looking through."""
        own = [p for p in shop.snapshot.paths() if hasattr(shop.config, p.split(".")[0])]

        assert 38 <= len(own) <= 60

    def test_reveals_a_secret_to_the_program_only(self, shop: Lab[Any]) -> None:
        """Its sample secrets appear in no view, no text and no JSON."""
        secret = shop.config.payments.api_key
        assert isinstance(secret, Secret)
        assert secret.reveal() == "sample-key-opens-nothing"

        for path in ("payments.api_key", "database.password", "mail.password"):
            answer = shop.explain(path)
            text = answer.to_text() + answer.to_html() + answer.to_json()
            assert "sample-" not in text

    def test_its_secrets_are_plainly_no_secrets(self) -> None:
        """Whoever scans the repository for secrets sees that these are samples."""
        for file in (sample_source() / "secrets").iterdir():
            assert file.read_text().startswith("sample-"), file.name

    def test_is_not_changed_by_its_copies(self, shop: Lab[Any]) -> None:
        """What a tutorial writes goes to its private copy."""
        before = (sample_source() / "oneiric.toml").read_bytes()
        shop.save({"server.port": 9090})

        assert before == (sample_source() / "oneiric.toml").read_bytes()
        assert before != (shop.root / "oneiric.toml").read_bytes()

    def test_runs_no_code_before_it_was_allowed(self, tmp_path: Path) -> None:
        """Opened like any folder that came from elsewhere, it asks first."""
        with pytest.raises(NotAllowedError):
            Lab.open(sample_source(), environ={"ONEIRIC_STATE_DIR": str(tmp_path)})

    def test_is_sound_without_its_plugins(self) -> None:
        """An installed wheel brings the workspace and not the example plugins."""
        for names in PROFILES:
            lab = Lab.sample(profiles=names, set=["plugins.auto_load=false"])
            assert lab.check().ok
            assert lab.registry.resolve("service", "payment").provider == "invoice"


class TestCandidates:
    """Who provides what, and the special ones that are out."""

    def test_are_about_forty_over_all_domains(self, shop: Lab[Any]) -> None:
        """Each of the seven domains has something to look at, from three sources."""
        found = list(shop.registry.current.candidates())

        assert len(found) >= 40
        assert set(DOMAINS) == {c.domain for c in found}
        assert {"manual", "package"} <= {c.source for c in found}
        assert all(c.summary for c in found if c.source != "manual")

    def test_plugins_bring_theirs(self, shop: Lab[Any], plugins: None) -> None:
        """Both example plugins are found by their entry points."""
        names = {c.source_name for c in shop.registry.current.candidates() if c.source == "plugin"}

        assert {"shop-caches", "shop-payments"} <= names

    def test_one_is_disabled_by_a_flag(self, shop: Lab[Any]) -> None:
        """The express checkout waits for its flag, which staging has on."""
        assert code_of(shop, "workflow:checkout", "express") == "disabled"
        assert shop.registry.resolve("workflow", "checkout").provider == "classic"

        staging = Lab.sample(profiles=["staging"])
        assert staging.registry.resolve("workflow", "checkout").provider == "express"

    @pytest.mark.skipif(sys.version_info >= (3, 14), reason="only on Python before 3.14")
    def test_one_is_refused_for_its_python_marker(self, shop: Lab[Any]) -> None:
        """The fastest archive needs a Python that this one is not."""
        assert code_of(shop, "adapter:archive", "zstd") == "marker"
        assert shop.registry.resolve("adapter", "archive").provider == "bzip2"

    def test_one_lacks_a_capability(self, shop: Lab[Any], plugins: None) -> None:
        """The journal keeps things for ever, so a need of `ttl` puts it out."""
        assert code_of(shop, "adapter:cache", "journal", need="ttl") == "capability"
        with pytest.raises(OneiricError, match="lacks `transactions`"):
            shop.registry.resolve("adapter", "cache", need={"transactions"})

    def test_no_cache_has_transactions_wherever_nothing_is_selected(self, plugins: None) -> None:
        """Without a selection the error names every candidate and what it lacks."""
        lab = Lab.sample(profiles=["staging"])
        with pytest.raises(NoCandidateError) as caught:
            lab.registry.resolve("adapter", "cache", need={"transactions"})

        assert len(caught.value.faults[0].because) == 4

    def test_the_factory_of_one_is_not_allowed(self, shop: Lab[Any]) -> None:
        """A factory outside the shop's package runs only where the workspace allows it."""
        assert code_of(shop, "service:mail", "smtp") == "factory"
        assert shop.why_not("service:mail", "smtp").changes is None

        allowing = Lab.sample(set=['plugins.allow_factories=["smtplib"]'])
        assert allowing.registry.resolve("service", "mail").provider == "smtp"

    def test_one_pair_is_ambiguous(self, shop: Lab[Any]) -> None:
        """Only names decide between the two carriers, and the answer says so."""
        explanation = shop.registry.explain("service", "shipping")

        assert explanation.ambiguous
        assert {"bike", "van"} == {row.candidate.provider for row in explanation.ranking}

    def test_on_the_continent_the_pair_is_not(self) -> None:
        """The profile eu selects one of the carriers."""
        explanation = Lab.sample(profiles=["eu"]).registry.explain("service", "shipping")

        assert not explanation.ambiguous
        assert explanation.decided_by == "selection"

    def test_strict_workspaces_refuse_the_pair(self) -> None:
        """With `stack.strict` the pair is a problem, and nothing else is ambiguous."""
        lab = Lab.sample(set=["stack.strict=true"])
        (problem,) = (p for p in lab.registry.current.problems() if p.code == "ambiguous")

        assert problem.message.startswith("service:shipping is ambiguous")

    @pytest.mark.parametrize(
        ("names", "version"), [((), "1.4.2"), (("prod",), "1.4.2"), (("staging",), "2.0.0")]
    )
    def test_each_profile_gets_its_version_of_payments(
        self, names: tuple[str, ...], version: str, plugins: None
    ) -> None:
        """Staging tries the new version that production does not accept yet."""
        winner = Lab.sample(profiles=names).registry.resolve("service", "payment")

        assert ("ledger", version) == (winner.provider, winner.version)

    def test_reading_plugins_imports_none_of_them(self) -> None:
        """Opening the shop leaves the plugins' modules alone."""
        import subprocess

        code = (
            "import sys; from oneiric_lab import Lab; lab = Lab.sample();"
            "lab.candidates().as_dict();"
            "print([m for m in sys.modules if m.startswith(('oneiric_shop', 'tinykv'))])"
        )
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
        )

        assert done.stdout.strip() == "[]"


class TestJournal:
    """The candidate that fails its probe and recovers."""

    FACTORY = "oneiric_shop_caches.journal:JournalCache"

    def test_fails_its_probe_until_its_library_is_there(
        self, shop: Lab[Any], plugins: None
    ) -> None:
        """The plugin forgot to declare tinykv, and starts once somebody brings it."""
        (failed,) = probe([ProbeRequest(self.FACTORY)])
        assert (failed.kind, failed.detail) == ("import-error", "ModuleNotFoundError: tinykv")

        path = (*sys.path, str(shop.root / "vendor"))
        (mended,) = probe([ProbeRequest(self.FACTORY, path)])
        assert mended.ok

    def test_keeps_everything_once_it_runs(
        self, shop: Lab[Any], plugins: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Entries, changes and deletions are there again after a restart."""
        monkeypatch.syspath_prepend(shop.root / "vendor")
        journal = make(shop, "adapter:cache", "journal")
        journal.set("boat", b"paper")
        journal.set("boat", b"wood")
        journal.set("crane", b"paper")
        journal.delete("crane")
        journal.compact()
        journal.close()

        again = make(shop, "adapter:cache", "journal")
        assert (again.get("boat"), again.get("crane")) == (b"wood", None)
        with pytest.raises(ValueError, match="ttl"):
            again.set("boat", b"x", ttl=1)
        again.close()

    def test_survives_a_power_cut(self, shop: Lab[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """A record that was torn at any byte is dropped, and all before it are kept."""
        monkeypatch.syspath_prepend(shop.root / "vendor")
        tinykv = import_module("tinykv")
        path = shop.root / "torn.kv"
        store = tinykv.TinyKV(path)
        store.put("a", b"1")
        whole = path.stat().st_size
        store.put("b", b"22")
        store.close()
        data = path.read_bytes()

        for size in range(whole, len(data)):
            path.write_bytes(data[:size])
            store = tinykv.TinyKV(path)
            assert store.keys() == ["a"]
            store.put("c", b"3")
            store.close()
            again = tinykv.TinyKV(path)
            assert again.keys() == ["a", "c"]
            again.close()


class TestFactories:
    """What the shop's adapters and services do once they are built."""

    def test_all_that_win_are_built(self, shop: Lab[Any], plugins: None) -> None:
        """Every winner can be built with its settings and what it requires."""
        for target, winner in shop.registry.current.winners().items():
            instance = build(shop, winner)
            assert instance is not None, target
            health = getattr(instance, "health", None)
            assert health is None or health(), target
            getattr(instance, "close", lambda: None)()

    @pytest.mark.parametrize("provider", ["memory", "sqlite", "layered"])
    def test_caches_keep_and_forget(self, shop: Lab[Any], provider: str, plugins: None) -> None:
        """Each cache gives back what it was given, until it is deleted or closed."""
        cache = make(shop, "adapter:cache", provider)
        cache.set("boat", b"paper")
        cache.set("ship", b"steel", ttl=60)

        assert tuple(map(cache.get, ("boat", "ship", "crane"))) == (b"paper", b"steel", None)
        assert (cache.delete("boat"), cache.delete("boat")) == (True, False)
        assert cache.get("boat") is None
        cache.close()

    def test_a_layered_cache_outlives_its_memory(self, shop: Lab[Any], plugins: None) -> None:
        """What memory has lost is read from the file."""
        cache = make(shop, "adapter:cache", "layered")
        cache.set("boat", b"paper")
        cache.close()

        again = make(shop, "adapter:cache", "layered")
        assert b"paper" == again.get("boat") == again.get("boat")
        again.close()

    @pytest.mark.parametrize("provider", ["local", "memory"])
    def test_files_stay_inside_their_folder(self, shop: Lab[Any], provider: str) -> None:
        """A name cannot lead out of the store."""
        files = make(shop, "adapter:files", provider)
        files.write("a/b.txt", b"boat")

        assert (files.read("a/b.txt"), files.names()) == (b"boat", ["a/b.txt"])
        for name in ("../x", "/etc/x", ""):
            with pytest.raises(ValueError, match="inside the store"):
                files.write(name, b"")
        with pytest.raises(FileNotFoundError):
            files.read("nothing")

    @pytest.mark.parametrize("provider", ["bzip2", "lzma"])
    def test_archives_give_back_what_they_packed(self, shop: Lab[Any], provider: str) -> None:
        """Packed is smaller, unpacked is the same."""
        archive = make(shop, "adapter:archive", provider)
        packed = archive.pack(b"boat" * 1000)

        assert len(packed) < 200
        assert archive.unpack(packed) == b"boat" * 1000

    @pytest.mark.parametrize("provider", ["urllib", "httpx"])
    def test_fetchers_read_from_a_server(self, shop: Lab[Any], provider: str, rates: str) -> None:
        """Both fetch the same, refuse what is too large, and other schemes than http."""
        fetcher = make(shop, "adapter:http", provider)

        assert fetcher.json(rates) == {"EUR": 1.21}
        with pytest.raises(ValueError, match="http or https"):
            fetcher.get("file:///etc/passwd")
        getattr(fetcher, "close", lambda: None)()

        small = settings_of(shop, one(shop, "adapter:http", provider)).model_copy(
            update={"max_bytes": 3}
        )
        careful = load_factory(one(shop, "adapter:http", provider))(small)
        with pytest.raises(ValueError, match="more than 3 bytes"):
            careful.get(rates)
        getattr(careful, "close", lambda: None)()

    def test_rates_are_fixed_or_of_the_day(self, shop: Lab[Any], rates: str) -> None:
        """The rate of the day comes from the server, the fixed one from the settings."""
        fixed = make(shop, "service:rates", "fixed")
        assert Decimal("11.70") == fixed.convert(Decimal(10), "EUR")
        with pytest.raises(ValueError, match="known: EUR, GBP"):
            fixed.convert(Decimal(10), "XXX")

        daily = load_factory(one(shop, "service:rates", "daily"))
        http = make(shop, "adapter:http", "urllib")
        settings = settings_of(shop, one(shop, "service:rates", "daily"))
        of_the_day = daily(settings.model_copy(update={"url": rates}), http=http)
        assert Decimal("12.10") == of_the_day.convert(Decimal(10), "EUR")

    @pytest.mark.parametrize("provider", ["memory", "database"])
    def test_queues_keep_the_order(self, shop: Lab[Any], provider: str) -> None:
        """First in, first out; an empty one says so."""
        queue = make(shop, "adapter:queue", provider)
        queue.put("mail", to="ada")
        queue.put("report")

        assert len(queue) == 2
        assert queue.take() == ("mail", {"to": "ada"})
        assert queue.take() == ("report", {})
        assert queue.take() is None

    def test_search_finds_words_synonyms_and_near_misses(self, shop: Lab[Any]) -> None:
        """One search knows synonyms from the configuration, the other forgives an error."""
        words = make(shop, "service:search", "words")
        near = make(shop, "service:search", "trigrams")

        assert [p.sku for p in words.find("paper crane")] == ["crane"]
        assert [p.sku for p in words.find("notebook")] == ["jotter"]
        assert words.find("papr") == []
        assert near.find("papr crane")[0].sku == "crane"

    def test_a_flag_is_on_for_some(self, shop: Lab[Any]) -> None:
        """One way offers the ribbon to some customers, always the same; the other to nobody."""
        some = build(shop, shop.registry.resolve("flag", "gift-wrapping"))
        nobody = make(shop, "flag:gift-wrapping", "nobody")
        names = [f"customer{i}" for i in range(1000)]

        assert some.enabled("ada")
        assert 60 < sum(map(some.enabled, names)) < 140
        assert not any(map(nobody.enabled, names))

    def test_carriers_have_prices(self, shop: Lab[Any]) -> None:
        """A van carries what a bike cannot."""
        bike, van = make(shop, "service:shipping", "bike"), make(shop, "service:shipping", "van")

        assert Decimal("2.70") == bike.price(1000)
        assert Decimal("9.90") == van.price(10_000)
        with pytest.raises(ValueError, match="8000 g"):
            bike.price(10_000)


class TestSelling:
    """From a basket to an order, a letter and a refund."""

    @pytest.mark.parametrize("provider", ["classic", "express"])
    def test_an_order_takes_stock_and_money(
        self, shop: Lab[Any], provider: str, plugins: None
    ) -> None:
        """From basket to paid order, with the stock less by what was bought."""
        checkout = make(shop, "workflow:checkout", provider)
        order = checkout.run("2026-1", "ada@example.org", BASKET)

        assert Decimal("33.00") == order.goods
        assert order.total == order.goods + order.shipping
        stock = {p.sku: p.stock for p in make(shop, "adapter:database", "local").products()}
        assert (stock["boat-a4"], stock["pen"]) == (118, 8)
        report = make(shop, "task:report", "csv").run()
        assert f"2026-1,ada@example.org,{order.total}\n" in report
        assert json.loads(make(shop, "task:report", "json").run())[0]["number"] == "2026-1"

    def test_an_order_that_cannot_be_met_takes_nothing(self, shop: Lab[Any], plugins: None) -> None:
        """A missing product leaves stock and book as they were."""
        checkout = make(shop, "workflow:checkout", "classic")
        with pytest.raises(ValueError, match="no 500 of pen"):
            checkout.run("2026-2", "ada@example.org", {"boat-a4": 1, "pen": 500})

        assert make(shop, "service:catalog", "database").find("boat-a4").stock == 120
        assert make(shop, "task:report", "csv").run() == "number,email,total\n"

    def test_one_click_repeats_the_last_basket(self, shop: Lab[Any], plugins: None) -> None:
        """The express checkout knows what a customer bought before."""
        checkout = make(shop, "workflow:checkout", "express")
        with pytest.raises(ValueError, match="bought nothing"):
            checkout.run("0", "ada@example.org", {})
        first = checkout.run("1", "ada@example.org", BASKET)

        assert first.lines[0].count == checkout.run("2", "ada@example.org", {}).lines[0].count

    def test_an_order_is_a_workflow_too(self, shop: Lab[Any]) -> None:
        """Goods, money and letter are nodes; what cannot be met takes nothing and ends there."""
        plan = shop.workflows.plan("order")
        assert plan.ok
        assert [node.id for node in plan.dag.nodes] == ["reserve", "charge", "confirm"]
        assert plan.dag.by_id["charge"].retry.attempts == 3

        asked = {"number": "2026-7", "email": "ada@example.org", "basket": BASKET}
        done = shop.workflows.run_here("order", asked, durable=False)
        failed = shop.workflows.run_here("order", {**asked, "basket": {"pen": 900}}, durable=False)

        assert done.results["reserve"]["total"] == "33.00"
        assert done.results["confirm"] == "outbox/000001.eml"
        assert [node.state for node in failed.nodes] == ["failed", "skipped", "skipped"]
        assert make(shop, "service:catalog", "database").find("pen").stock == 8

    def test_goods_are_reserved_once(self, shop: Lab[Any]) -> None:
        """Asked for twice under one key, the stock is less by one basket."""
        database = make(shop, "adapter:database", "local")

        assert database.reserve("order-1/reserve", BASKET)
        assert database.reserve("order-1/reserve", BASKET)
        assert not database.reserve("order-2/reserve", {"boat-a4": 1, "pen": 900})
        stock = {p.sku: p.stock for p in database.products()}
        assert (stock["boat-a4"], stock["pen"]) == (118, 8)

    def test_a_refund_gives_back_money_and_goods(self, shop: Lab[Any], plugins: None) -> None:
        """The order is gone, the stock is back, and the amount is the order's."""
        order = make(shop, "workflow:checkout", "classic").run("9", "ada@example.org", BASKET)
        payment = make(shop, "service:payment", "ledger", "1.4.2")
        number = payment.charge("9", order.total)
        refund = load_factory(one(shop, "workflow:refund", "goodwill"))(
            database=make(shop, "adapter:database", "local"), payment=payment
        )

        assert order.total == refund.run(number, order)
        assert make(shop, "service:catalog", "database").find("boat-a4").stock == 120

    def test_the_customer_gets_a_letter(self, shop: Lab[Any], plugins: None) -> None:
        """The confirmation lies in the outbox, from the sender that the layers say."""
        order = make(shop, "workflow:checkout", "classic").run("7", "ada@example.org", BASKET)
        make(shop, "event:order-placed", "confirmation")(order)

        letter = make(shop, "adapter:files", "local").read("outbox/000001.eml").decode()
        assert "From: orders@paperboat.example" in letter
        assert "2 x Paper boat, A4" in letter

    def test_events_are_logged(
        self, shop: Lab[Any], caplog: pytest.LogCaptureFixture, plugins: None
    ) -> None:
        """The audit and the stock warning write what happened."""
        caplog.set_level("INFO", "shop")
        order = make(shop, "workflow:checkout", "classic").run("7", "ada@example.org", BASKET)
        make(shop, "event:order-placed", "audit")(order)
        make(shop, "event:stock-low", "log")(order.lines[0].product)

        assert caplog.messages == ["order 7 over 35.52", "only 120 left of boat-a4"]

    def test_recommends_what_costs_the_same(self, shop: Lab[Any]) -> None:
        """Neighbours in price come first."""
        catalog = make(shop, "service:catalog", "database")
        near = make(shop, "action:recommend", "neighbours")(catalog.find("boat-a4"))

        assert [p.sku for p in near] == ["crane", "jotter"]

    def test_the_night_sweeps_and_indexes(self, shop: Lab[Any]) -> None:
        """Old baskets go, new ones stay; the second run of the index has nothing to do."""
        database = make(shop, "adapter:database", "scratch")
        now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()
        with database.connection as db:
            db.executemany(
                "INSERT INTO baskets VALUES (?, ?)", [("old", now - 8000), ("new", now - 60)]
            )
        candidate = one(shop, "task:sweep-baskets", "sql")
        sweep = load_factory(candidate)(
            settings_of(shop, candidate), database=database, clock=lambda: now
        )
        assert (sweep.run(), sweep.run()) == (1, 0)

        index = make(shop, "task:reindex", "full").run()
        assert index["paper"] == ["boat-a3", "boat-a4", "crane"]
        changed = make(shop, "task:reindex", "changed")
        assert (len(changed.run()), len(changed.run())) == (6, 0)


class TestPayments:
    """A payment service in two versions, and what belongs to it."""

    def test_the_first_version_takes_twice_what_is_sent_twice(
        self, shop: Lab[Any], plugins: None
    ) -> None:
        """A repeated charge is a second payment, and a refund gives all of one back."""
        ledger = make(shop, "service:payment", "ledger", "1.4.2")
        first, second = ledger.charge("7", Decimal(10)), ledger.charge("7", Decimal(10))

        assert first != second
        assert Decimal(10) == ledger.refund(first)
        with pytest.raises(ValueError, match="nothing is left"):
            ledger.refund(first)
        assert Decimal(10) == ledger.book.balance()
        ledger.close()

    def test_the_second_version_takes_it_once(self, shop: Lab[Any], plugins: None) -> None:
        """A repeated charge is the same payment, and a part of it can be given back."""
        ledger = make(shop, "service:payment", "ledger", "2.0.0")
        first, second = ledger.charge("7", Decimal(10)), ledger.charge("7", Decimal(10))

        assert first == second
        assert Decimal(3) == ledger.refund(first, Decimal(3))
        with pytest.raises(ValueError, match="7 is left"):
            ledger.refund(first, Decimal(8))
        assert Decimal(7) == ledger.refund(first)
        ledger.close()

    def test_an_invoice_is_open_until_it_is_taken_back(self, shop: Lab[Any]) -> None:
        """The shop's own way to be paid needs nobody else."""
        invoice = make(shop, "service:payment", "invoice")

        assert Decimal(5) == invoice.refund(invoice.charge("7", Decimal(5)))
        assert invoice.open == {}

    def test_a_webhook_is_believed_by_its_signature(self, shop: Lab[Any], plugins: None) -> None:
        """A message with another body or key is not believed."""
        check = make(shop, "action:check-webhook", "hmac")
        secret = shop.config.payments.webhook_secret.reveal()
        signature = hmac.new(secret.encode(), b"paid", hashlib.sha256).hexdigest()

        assert check(b"paid", signature, secret)
        assert not check(b"paid twice", signature, secret)
        assert not check(b"paid", signature, "another")

    def test_the_day_is_settled(self, shop: Lab[Any], plugins: None) -> None:
        """What is paid out is what the book holds."""
        payment = make(shop, "service:payment", "ledger", "2.0.0")
        payment.charge("1", Decimal("12.50"))
        settle = load_factory(one(shop, "task:settle", "book"))(payment=payment)

        assert Decimal("12.50") == settle.run()
        payment.close()


class TestRunning:
    @pytest.mark.parametrize("names", PROFILES, ids="+".join)
    def test_every_service_comes_into_force(
        self, names: tuple[str, ...], plugins: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the services require is brought into force and given to them."""
        lab = Lab.sample(profiles=names)
        monkeypatch.chdir(lab.root)

        async def main() -> list[str]:
            async with lab.running() as life:
                services = [t for t in lab.registry.current.winners() if t.startswith("service:")]
                for target in services:
                    await life.activate("service", target.partition(":")[2])
                return [life.status("service", t.partition(":")[2]).state for t in services]

        assert set(anyio.run(main)) == {"active"}

    def test_a_swap_of_the_database_takes_the_catalog_along(self, shop: Lab[Any]) -> None:
        """The catalog reads from the database that is in force."""

        async def main() -> None:
            async with shop.running() as life:
                async with life.lease("service", "catalog") as before:
                    assert before.all()
                    await shop.swap("adapter:database", "scratch")
                    assert before.all()
                async with (
                    life.lease("service", "catalog") as after,
                    life.lease("adapter", "database") as database,
                ):
                    assert life.status("adapter", "database").provider == "scratch"
                    assert after is not before
                    assert after._database is database

        anyio.run(main)
