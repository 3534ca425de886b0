/**
 * What the parts of the page share: elements, numbers as text, axes, the one moment in time that all of them show.
 *
 * The functions of this folder run in a browser. The page takes their text (see `../Page.ts`), so each must stand on its
 * own: nothing from outside it but its arguments, types, and what every browser has.
 */
import type { Lines } from "../PageData.ts"

type Attributes = Readonly<Record<string, string | number>>
type Child = Node | string

/** Where a chart's lines lie in its drawing, in CSS pixels. */
export interface Frame {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface Tick {
  readonly value: number
  readonly label: string
}

/** Free of names from outside. */
export const makeKit = (endMs: number) => {
  const create = (element: Element, attributes: Attributes, children: ReadonlyArray<Child>) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
    element.append(...children)
    return element
  }
  const el = <K extends keyof HTMLElementTagNameMap>(
    tag: K,
    attributes: Attributes = {},
    ...children: ReadonlyArray<Child>
  ) => create(document.createElement(tag), attributes, children) as HTMLElementTagNameMap[K]
  const svg = (tag: string, attributes: Attributes = {}, ...children: ReadonlyArray<Child>) =>
    create(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children)
  const byId = (id: string) => document.getElementById(id)!

  const number = (value: number, digits = 0) =>
    value.toFixed(digits).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, "\u202f")
  const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"]
  const unitOf = (value: number) => {
    let unit = 0
    while (unit < UNITS.length - 1 && value >= 1_000 * 1_024 ** unit) unit++
    return unit
  }
  const bytes = (value: number) => {
    const unit = unitOf(value)
    const scaled = value / 1_024 ** unit
    return `${scaled.toFixed(unit === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}\u00a0${UNITS[unit]}`
  }
  const rate = (value: number) => `${bytes(value)}/s`
  /** `850 ms`, `3.2 s`, `4m 05s`, `2h 07m`. */
  const duration = (ms: number) => {
    if (!(ms >= 0)) return "–"
    if (ms < 1_000) return `${Math.round(ms)}\u00a0ms`
    if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)}\u00a0s`
    const s = Math.round(ms / 1_000)
    const two = (value: number) => String(value).padStart(2, "0")
    if (s < 3_600) return `${Math.floor(s / 60)}m\u00a0${two(s % 60)}s`
    return `${Math.floor(s / 3_600)}h\u00a0${two(Math.floor(s / 60) % 60)}m`
  }
  const percent = (part: number) => `${Math.round(part * 100)}\u202f%`
  const plural = (count: number, one: string, many = `${one}s`) =>
    `${number(count)} ${count === 1 ? one : many}`

  /** Round numbers from 0 to `max`, about `count` of them. */
  const ticks = (max: number, count: number, label: (value: number) => string): Array<Tick> => {
    if (!(max > 0)) return [{ value: 0, label: label(0) }]
    const raw = max / count
    const power = 10 ** Math.floor(Math.log10(raw))
    const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => value >= raw) ?? raw
    const list: Array<Tick> = []
    for (let i = 0; i * step <= max * 1.0001; i++) list.push({ value: i * step, label: label(i * step) })
    return list
  }
  const byteTicks = (max: number, count: number): Array<Tick> => {
    const unit = 1_024 ** unitOf(max)
    const name = UNITS[unitOf(max)]
    return ticks(max / unit, count, (value) => `${Math.round(value * 100) / 100} ${name}`)
      .map(({ label, value }) => ({ label, value: value * unit }))
  }
  const timeTicks = (maxMs: number, count: number): Array<Tick> => {
    const seconds = [
      0.1,
      0.2,
      0.5,
      1,
      2,
      5,
      10,
      15,
      30,
      60,
      120,
      300,
      600,
      900,
      1_800,
      3_600,
      7_200,
      14_400,
      43_200,
      86_400,
    ]
    const step = (seconds.find((value) => value * 1_000 * count >= maxMs) ?? 604_800) * 1_000
    const list: Array<Tick> = []
    for (let at = 0; at <= maxMs; at += step) {
      const s = at / 1_000
      const two = (value: number) => String(value).padStart(2, "0")
      const label = maxMs < 60_000
        ? `${Math.round(s * 10) / 10} s`
        : maxMs < 3_600_000
        ? `${Math.floor(s / 60)}:${two(s % 60)}`
        : `${Math.floor(s / 3_600)}:${two(Math.floor(s / 60) % 60)} h`
      list.push({ value: at, label })
    }
    return list
  }

  /** Colours come from the style sheet, so that they follow the theme. */
  const color = (name: string) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const classColor = (classIndex: number) => `var(--class-${classIndex % 8})`
  /** From few to many, one of 64: an even ramp of the theme's own stops. */
  const ramp = () => {
    const stops = color("ramp").split(/[\s,]+/).map((hex) =>
      [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
    )
    return Array.from({ length: 64 }, (_, i) => {
      const at = i / 63 * (stops.length - 1)
      const low = stops[Math.floor(at)]!
      const high = stops[Math.ceil(at)]!
      return low.map((value, channel) => Math.round(value + (high[channel]! - value) * (at % 1)))
    })
  }

  /** The moment that the page shows, from 0 to the end of the run. */
  const moments: Array<(ms: number) => void> = []
  let moment = 0
  const setTime = (ms: number) => {
    moment = Math.max(0, Math.min(endMs, ms))
    for (const listener of moments) listener(moment)
  }
  const onTime = (listener: (ms: number) => void) => void moments.push(listener)

  /** Draws anew where the width or the theme changes. */
  const redraws: Array<() => void> = []
  const onLayout = (host: Element, draw: (width: number) => void) => {
    let width = 0
    redraws.push(() => width > 0 && draw(width))
    // Drawing in the observer's own turn would change what it observes.
    new ResizeObserver(() =>
      requestAnimationFrame(() => {
        const next = Math.floor(host.clientWidth)
        if (next === width || next === 0) return
        width = next
        draw(width)
      })
    ).observe(host)
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const redraw of redraws) redraw()
  })
  const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches

  const tip = byId("tip")
  const showTip = (
    event: { readonly clientX: number; readonly clientY: number },
    lines: ReadonlyArray<string>,
  ) => {
    tip.replaceChildren(...lines.map((line, i) => el(i === 0 ? "strong" : "span", {}, line)))
    tip.hidden = false
    const { height, width } = tip.getBoundingClientRect()
    tip.style.left = `${Math.max(8, Math.min(innerWidth - width - 8, event.clientX + 14))}px`
    tip.style.top = `${Math.max(8, event.clientY - height - 14)}px`
  }
  const hideTip = () => void (tip.hidden = true)

  /** Grid, labels and titles of a chart. */
  const axes = (
    frame: Frame,
    x: { readonly ticks: ReadonlyArray<Tick>; readonly max: number; readonly title: string },
    y: { readonly ticks: ReadonlyArray<Tick>; readonly max: number; readonly title: string },
  ) => {
    const { height, left, top, width } = frame
    const group = svg("g", { class: "axes" })
    for (const { label, value } of y.ticks) {
      const at = top + height - value / (y.max || 1) * height
      group.append(svg("line", { x1: left, x2: left + width, y1: at, y2: at }))
      group.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, label))
    }
    for (const { label, value } of x.ticks) {
      const at = left + value / (x.max || 1) * width
      if (at > left + width + 1) continue
      group.append(svg("text", { x: at, y: top + height + 18, "text-anchor": "middle" }, label))
    }
    group.append(
      svg("text", { x: left + width, y: top + height + 34, "text-anchor": "end", class: "title" }, x.title),
    )
    group.append(svg("text", { x: 0, y: 11, class: "title" }, y.title))
    return group
  }

  /** A line that follows the moment, in a chart over time; a click or a drag in it moves the moment. */
  const timeCursor = (root: Element, frame: Frame) => {
    const line = svg("line", { class: "cursor", y1: frame.top, y2: frame.top + frame.height })
    const place = (ms: number) => {
      const at = frame.left + ms / (endMs || 1) * frame.width
      line.setAttribute("x1", String(at))
      line.setAttribute("x2", String(at))
    }
    place(moment)
    root.append(line)
    return place
  }
  const scrub = (host: HTMLElement | SVGElement, frame: () => Frame) => {
    const move = (event: PointerEvent) => {
      const { left, width } = frame()
      setTime((event.clientX - host.getBoundingClientRect().left - left) / width * endMs)
    }
    host.addEventListener("pointerdown", (event) => move(event as PointerEvent))
    host.addEventListener("pointermove", (event) => {
      if (((event as PointerEvent).buttons & 1) === 1) move(event as PointerEvent)
    })
  }

  /** The value that holds at a moment. */
  const valueAt = (lines: Lines, column: number, ms: number) => {
    const values = lines.columns[column] ?? []
    return values[Math.max(0, Math.min(values.length - 1, Math.floor(ms / lines.slotMs)))] ?? 0
  }

  const legend = (
    items: ReadonlyArray<{ readonly label: string; readonly color: string; readonly detail?: string }>,
  ) =>
    el(
      "ul",
      { class: "legend" },
      ...items.map((item) =>
        el(
          "li",
          {},
          el("i", { style: `background:${item.color}` }),
          item.label,
          ...(item.detail === undefined ? [] : [el("b", {}, item.detail)]),
        )
      ),
    )

  return {
    el,
    svg,
    byId,
    number,
    bytes,
    rate,
    duration,
    percent,
    plural,
    ticks,
    byteTicks,
    timeTicks,
    color,
    classColor,
    ramp,
    setTime,
    onTime,
    time: () => moment,
    onLayout,
    isCalm,
    showTip,
    hideTip,
    axes,
    timeCursor,
    scrub,
    valueAt,
    legend,
  }
}

export type Kit = ReturnType<typeof makeKit>
