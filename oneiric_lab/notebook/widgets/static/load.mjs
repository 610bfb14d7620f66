import { GLYPHS, el, onTheme, toned } from "./kit.mjs";
import { Held, View, button, offer, pick, widget } from "./frame.mjs";
import { py, pyArguments } from "./python.mjs";
import { viewNode } from "./view.mjs";

/* The live chart of a load run; what travels is told in _load.py, beside this folder. */

const METRICS = ["response", "service", "lag"];
const STAGES = {
  waiting: ["info", "waiting for its process"],
  running: ["info", "running"],
  paused: ["warn", "paused"],
  cancelling: ["warn", "cancelling"],
  cancelled: ["warn", "cancelled: what there is was kept"],
  failed: ["bad", "failed"],
  ended: ["ok", "ended"],
};
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
const BANDS = 48; // six to a decade, from 1 µs
const LEFT = 58;
const PANELS = { rate: [18, 64], quantiles: [104, 104], heat: [230, 72], flight: [324, 30], events: [376, 12] };
const HEIGHT = 408;
const MOST = 2400;

const time = (us) => {
  if (us == null) return "n/a";
  if (us >= 1e6) return `${+(us / 1e6).toPrecision(3)} s`;
  return us >= 1000 ? `${+(us / 1000).toPrecision(3)} ms` : `${+us.toPrecision(3)} µs`;
};
const { format } = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const count = (value) => (value == null ? "n/a" : format(value));
/** The greatest of values, of which some may be missing, and at least 1: thousands are no arguments of a call. */
const greatest = (values) => values.reduce((most, value) => (value > most ? value : most), 1);

/** A tick as it is drawn: of its heat only the bands that have some, and how much. */
const cooked = ([, at, window, , flight, read, heats, paused]) => ({
  at, window, flight, read, paused,
  heats: heats.map((text) => [...(text ?? "")].flatMap((letter, band) => (letter === "0" ? [] : [[band, LETTERS.indexOf(letter)]]))),
});

/** The ticks of a run, told once and drawn by each view. */
class Course extends Held {
  constructor(model) {
    super(model);
    this.take(model.get("past"));
  }

  take(whole) {
    this.ticks = (whole?.ticks ?? []).map(cooked);
    this.have = whole?.count ?? 0;
    this.tell();
  }

  told({ whole, tick }) {
    if (whole) {
      this.asked = false;
      this.take(whole);
    } else if (tick) {
      const [number] = tick;
      if (number <= this.have) return;
      if (number > this.have + 1) this.ask();
      this.have = number;
      this.ticks.push(cooked(tick));
      if (this.ticks.length > MOST) this.ticks = this.ticks.filter((_, at) => at % 2);
      this.tell();
    }
  }
}

class Chart extends View {
  constructor(model, root, course) {
    super(model, root, "load", model.get("plan").name);
    this.course = course;
    this.cursor = null;
    this.plan = model.get("plan");
    this.operations = this.plan.operations ?? [];
    this.build();
    const later = () => {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.draw();
      });
    };
    const changed = () => (this.settle(), later());
    for (const name of ["stage", "end", "metric", "operation"]) this.on(`change:${name}`, changed);
    course.views.add(later);
    const size = new ResizeObserver(later);
    size.observe(this.canvas);
    this.ends.push(onTheme(later), () => course.views.delete(later), () => size.disconnect(), () => cancelAnimationFrame(this.frame));
    changed();
  }

  build() {
    const { plan, model } = this;
    this.status.className = "";
    this.progress = el("progress", { max: plan.length, value: 0, "aria-label": "progress of the run" });
    this.left = toned("quiet", "");
    const order = (word) => {
      this.code.show(`job.${word}()`);
      this.ask({ do: word }, (text) => { this.left.textContent = text; });
    };
    this.cancel = button("Cancel", () => order("cancel"));
    this.pause = button("Pause", () => order(model.get("stage") === "paused" ? "resume" : "pause"));
    const choice = (name, values) => pick(name, (value) => {
      model.set(name, value);
      model.save_changes();
      this.code.show(this.asCode());
    }, ...values);
    this.metric = choice("metric", METRICS);
    this.operation = choice("operation", this.operations.map((o) => o.name));
    this.now = {};
    const figure = (name, label, key) => {
      this.now[name] = el("dd", {}, "–");
      return el("div", {}, ...(key ? [el("span", { class: `ol-key ol-key-${name}`, "aria-hidden": "true" })] : []), el("dt", { title: label }, label), this.now[name]);
    };
    this.events = this.operations.map((o, at) => [o, at]).filter(([o]) => o.event);
    const figures = el("dl", { class: "ol-now" },
      figure("at", "at"), figure("rate", "rate", true), figure("p50", "p50", true), figure("p99", "p99", true), figure("bad", "bad"), figure("flight", "in flight"),
      ...this.events.map(([o, at]) => figure(`event${at}`, o.name)));
    this.canvas = el("canvas", {
      tabindex: 0, role: "slider", "aria-label": "chart over time; the arrows move through it", "aria-valuemin": 0, "aria-valuemax": 0, "aria-valuenow": 0, height: HEIGHT,
      onkeydown: (event) => this.key(event), onpointermove: (event) => this.point(event), onpointerleave: () => this.move(null), onblur: () => this.move(null),
    });
    this.canvas.style.height = `${HEIGHT}px`;
    this.notes = el("ul", { class: "ol-end", "aria-label": "what came of it" });
    this.former = pick("compare with a former run", (name) => {
      this.found.replaceChildren();
      if (!name) return;
      this.code.show(`lab.load.compare(${py(name)}, job)`);
      this.ask({ do: "compare", with: name }, (text) => this.found.replaceChildren(toned("warn", text, "p")));
    });
    this.former.hidden = true;
    this.found = el("div", { "aria-live": "polite" });
    this.root.append(
      el("header", {}, el("strong", { title: plan.name }, plan.name), this.status, this.progress, this.left),
      el("div", { class: "ol-bar" }, this.pause, this.cancel, el("label", {}, "metric ", this.metric), el("label", {}, "operation ", this.operation)),
      figures, this.canvas, this.notes, this.former, this.found, this.code.node);
    this.on("msg:custom", ({ former, compared, failed }) => {
      if (former) {
        offer(this.former, ["", former.length ? "compare with…" : "no former run of this scenario and load"], ...former).disabled = !former.length;
        this.former.hidden = false;
      }
      if (!compared && !failed) return;
      this.answered();
      this.found.replaceChildren(viewNode(compared ?? failed));
    });
  }

  asCode() {
    const [metric, operation] = ["metric", "operation"].map((name) => this.model.get(name));
    return `lab.ui.load(job, ${pyArguments({ metric, operation })})`;
  }

  /** Show what the kernel says of the run and of the settings. */
  settle() {
    const { model } = this;
    const stage = model.get("stage");
    const [tone, words] = STAGES[stage] ?? ["info", stage];
    if (this.stage !== stage) {
      this.stage = stage;
      this.answered();
      this.status.className = `ol-${tone}`;
      this.status.textContent = GLYPHS[tone] + words;
    }
    const over = ["ended", "cancelled", "failed"].includes(stage);
    this.cancel.disabled = over || stage === "cancelling";
    this.pause.disabled = over || !["running", "paused"].includes(stage);
    this.pause.textContent = stage === "paused" ? "Resume" : "Pause";
    this.metric.value = model.get("metric");
    this.operation.value = model.get("operation");
    const end = model.get("end");
    if (end && !this.notes.childNodes.length) {
      const lines = [[end.tone, end.title], ...end.notes];
      this.notes.append(...lines.map(([tone, text]) => toned(tone, text, "li")));
      if (end.count > this.course.have) this.course.ask();
      this.model.send({ do: "former" });
    }
  }

  /** A list for each figure of the chosen operation and metric, with a value for each tick. */
  figures() {
    const { ticks } = this.course;
    const name = this.model.get("operation");
    const metric = METRICS.indexOf(this.model.get("metric"));
    const at = Math.max(0, this.operations.findIndex((o) => o.name === name));
    const of = (place) => ticks.map(({ read }) => read[at]?.[place]);
    return { metric, rate: of(0), bad: of(1), p50: of(2 + 2 * metric), p99: of(3 + 2 * metric) };
  }

  key(event) {
    const last = this.course.ticks.length - 1;
    const at = this.cursor ?? last;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 10, PageDown: at + 10, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has uses of its own for arrows
    this.move(to === null ? null : Math.min(Math.max(to, 0), last));
  }

  point(event) {
    const { ticks } = this.course;
    const seconds = ((event.offsetX - LEFT) / (this.width - LEFT)) * this.span;
    let near = null;
    for (let at = 0; at < ticks.length; at++) {
      if (near === null || Math.abs(ticks[at].at - seconds) < Math.abs(ticks[near].at - seconds)) near = at;
    }
    this.move(near);
  }

  move(to) {
    this.cursor = to;
    this.draw();
  }

  draw() {
    const { ticks } = this.course;
    const figures = this.figures();
    const last = ticks.length - 1;
    const at = Math.min(this.cursor ?? last, last);
    const seen = ticks[at];
    const { length } = this.plan;
    // A pause stands still: the run ends by as much later.
    const paused = ticks.reduce((sum, tick) => sum + (tick.paused ? tick.window : 0), 0);
    const done = last < 0 ? 0 : Math.min(ticks[last].at - paused, length);
    this.span = length + paused;
    this.progress.value = this.stage === "ended" ? length : done;
    if (["running", "paused", "waiting"].includes(this.stage)) {
      this.left.textContent = last < 0 ? `${length} s` : `${done.toFixed(1)} of ${length} s, ${Math.ceil(length - done)} s left`;
    } else {
      this.left.textContent = `${done.toFixed(1)} of ${length} s`;
    }
    if (seen) {
      const [rate, bad, p50, p99] = ["rate", "bad", "p50", "p99"].map((name) => figures[name][at]);
      const text = { at: `${seen.at.toFixed(2)} s`, rate: `${count(rate)}/s`, p50: time(p50), p99: time(p99), bad: `${count(bad)}/s`, flight: count(seen.flight) };
      this.events.forEach(([, o]) => {
        const [rate, bad] = seen.read[o] ?? [];
        text[`event${o}`] = `${count(rate)}/s` + (bad ? `, ${count(bad)} bad` : "");
      });
      for (const [name, value] of Object.entries(text)) this.now[name].textContent = value;
      this.now.bad.className = bad ? "ol-bad" : "";
      this.canvas.setAttribute("aria-valuemax", `${last}`);
      this.canvas.setAttribute("aria-valuenow", `${at}`);
      this.canvas.setAttribute("aria-valuetext",
        `at ${text.at}: rate ${text.rate}, p50 ${text.p50}, p99 ${text.p99}, bad ${text.bad}, in flight ${text.flight}`);
    }
    this.paint(figures, this.cursor === null ? null : seen);
  }

  paint({ metric: which, rate: rates, bad: wrongs, p50, p99 }, marked) {
    const { ticks } = this.course;
    const { canvas, model } = this;
    this.width = canvas.clientWidth;
    if (!this.width) return;
    const ratio = globalThis.devicePixelRatio || 1;
    canvas.width = this.width * ratio;
    canvas.height = HEIGHT * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `11px ${getComputedStyle(this.root).fontFamily}`;
    // A browser gives colours of the system and of themes back as plain ones only for `color`.
    const color = (name) => ((canvas.style.color = `var(--ol-${name})`), getComputedStyle(canvas).color);
    const [fg, quiet, line, accent, second, bad] = ["fg", "fg-2", "line", "accent", "second", "bad"].map(color);
    const [operation, metric] = [model.get("operation"), model.get("metric")];
    const wide = this.width - LEFT;
    const x = (seconds) => LEFT + (Math.min(seconds, this.span) / this.span) * wide;
    const [starts, ends] = [ticks.map((tick) => x(tick.at - tick.window)), ticks.map((tick) => x(tick.at))];

    /** Take the ticks that begin in one column of pixels, and draw them as one. */
    const columns = (take, paint) => {
      let left = null;
      for (let n = 0; n < ticks.length; n++) {
        left ??= starts[n];
        take(n);
        if (Math.floor(starts[n + 1]) === Math.floor(left)) continue;
        paint(left, ends[n]);
        left = null;
      }
    };
    const write = (text, at, y, align = "left", ink = quiet) => {
      Object.assign(pen, { fillStyle: ink, textAlign: align });
      pen.fillText(text, at, y);
    };
    /** @type {(ink: string, alpha: number, ...box: [number, number, number, number]) => void} */
    const fill = (ink, alpha, ...box) => {
      Object.assign(pen, { fillStyle: ink, globalAlpha: alpha });
      pen.fillRect(...box);
      pen.globalAlpha = 1;
    };
    const stroke = (trace, ink, { dash = [], alpha = 1, thick = 1 } = {}) => {
      Object.assign(pen, { strokeStyle: ink, globalAlpha: alpha, lineWidth: thick });
      pen.setLineDash(dash);
      pen.beginPath();
      trace();
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 1;
    };
    const draw = (points, ink, more) => stroke(() => points.forEach(([a, b]) => pen.lineTo(a, b)), ink, more);
    /** A frame with a title and labels at parts of its height; returns where such a part is. */
    const panel = (name, title, ...labels) => {
      const [top, high] = PANELS[name];
      const y = (part) => top + high - Math.min(Math.max(part, 0), 1) * high;
      write(title, LEFT, top - 5, "left", fg);
      draw([[LEFT, top], [this.width, top], [this.width, top + high], [LEFT, top + high], [LEFT, top]].map(([a, b]) => [Math.min(a, this.width - 1) + 0.5, b + 0.5]), line, { alpha: 0.6 });
      for (const [text, part] of labels) write(text, LEFT - 5, Math.min(Math.max(y(part) + 4, top + 8), top + high + 2), "right");
      return y;
    };
    /** A line of values; one that stands alone is as long as its tick. */
    const path = (values, y, ink, dash) => stroke(() => values.forEach((value, n) => {
      if (value == null) return;
      const [begins, stops] = [values[n - 1] == null, values[n + 1] == null];
      if (begins) pen.moveTo(stops ? starts[n] : ends[n], y(value));
      if (!begins || stops) pen.lineTo(ends[n], y(value));
    }), ink, { dash, thick: 1.6 });

    const shade = (from, upto, name) => {
      fill(fg, 0.1, from, 0, upto - from, HEIGHT - 20);
      if (upto - from > pen.measureText(name).width + 6) write(name, upto - 3, PANELS.rate[0] + 12, "right");
    };
    if (this.plan.warmup) shade(x(0), x(this.plan.warmup), "warm-up");
    ticks.forEach((tick, n) => {
      if (tick.paused) shade(starts[n], ends[n], ticks[n + 1]?.paused ? "" : "paused");
    });

    const most = nice(greatest(rates));
    const y1 = panel("rate", `${operation} a second`, [count(most), 1], ["0", 0]);
    path(rates, (rate) => y1(rate / most), accent);
    path(wrongs.map((rate) => rate || null), (rate) => y1(rate / most), bad, [2, 2]);

    const quantiles = [...p50, ...p99].filter((us) => us > 0);
    const low = Math.floor(Math.log10(quantiles.reduce((least, us) => Math.min(least, us), 1000)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1000, greatest(quantiles)))));
    const part = (us) => (Math.log10(Math.max(us, 0.001)) - low) / (high - low);
    const marks = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
    const y2 = panel("quantiles", `${metric} of ${operation}: p50 —, p99 - -`, ...marks.map((us) => [time(us), part(us)]));
    for (const us of marks) draw([[LEFT, y2(part(us))], [this.width, y2(part(us))]], line, { alpha: 0.35 });
    path(p50, (us) => y2(part(us)), accent);
    path(p99, (us) => y2(part(us)), second, [5, 3]);

    const heats = ticks.map((tick) => tick.heats[which] ?? []);
    let [least, top] = [18, 23];
    for (const heat of heats) {
      if (!heat.length) continue;
      least = Math.min(least, heat[0][0]);
      top = Math.max(top, heat.at(-1)[0]);
    }
    const from = Math.floor(least / 6) * 6;
    const upto = Math.min(BANDS, Math.ceil((top + 1) / 6) * 6);
    const row = PANELS.heat[1] / (upto - from);
    const y3 = panel("heat", `where the ${metric} of all lies`, [time(10 ** (from / 6)), 0], [time(10 ** (upto / 6)), 1]);
    pen.fillStyle = accent;
    // Of ticks that begin in one column of pixels, the fullest of each band is drawn.
    const fullest = new Uint8Array(BANDS);
    columns((n) => {
      for (const [band, level] of heats[n]) fullest[band] = Math.max(fullest[band], level);
    }, (left, right) => {
      for (let band = from; band < upto; band++) {
        if (!fullest[band]) continue;
        pen.globalAlpha = Math.min(1, 0.12 + fullest[band] / 26);
        pen.fillRect(left, y3((band - from + 1) / (upto - from)), Math.max(1, right - left), row);
      }
      fullest.fill(0);
    });
    pen.globalAlpha = 1;

    const flights = ticks.map((tick) => tick.flight);
    const full = nice(greatest(flights));
    const y4 = panel("flight", "in flight", [count(full), 1]);
    path(flights, (flight) => y4(flight / full), accent);

    const [base, size] = PANELS.events;
    panel("events", this.events.map(([o]) => o.name).join(", ") || "no operation has a rate of its own");
    const busiest = greatest(this.events.map(([, o]) => greatest(ticks.map(({ read }) => read[o]?.[0]))));
    for (const [, o] of this.events) {
      let [tallest, wrong] = [0, 0];
      columns((n) => {
        const [rate = 0, bad = 0] = ticks[n].read[o] ?? [];
        [tallest, wrong] = [Math.max(tallest, rate), wrong + bad];
      }, (left, right) => {
        const tall = Math.max(3, (tallest / busiest) * size);
        if (tallest) fill(wrong ? bad : second, 1, left + 0.5, base + size - tall, Math.max(1, right - left - 1), tall);
        tallest = wrong = 0;
      });
    }

    const step = nice(this.span / 6, [1, 2, 5, 10]);
    for (let at = 0; at <= this.span; at += step) {
      const place = Math.min(Math.round(x(at)), this.width - 1) + 0.5;
      draw([[place, base + size], [place, base + size + 4]], line);
      write(`${+at.toPrecision(3)} s`, place, HEIGHT - 4, at === 0 ? "left" : place > this.width - 16 ? "right" : "center");
    }
    if (marked) {
      const at = Math.round(x(marked.at)) + 0.5;
      draw([[at, 12], [at, HEIGHT - 20]], fg);
    }
  }
}

/** The next number that begins with one of these and goes on with zeros. */
const nice = (value, digits = [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) => {
  const size = 10 ** Math.floor(Math.log10(value));
  return digits.map((digit) => digit * size).find((mark) => mark >= value);
};

export default widget(Chart, Course);
