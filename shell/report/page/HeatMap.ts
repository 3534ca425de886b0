/** How many copies of each piece there were over time, as a picture that can be read with the mouse and the keyboard. */
import type { PageData } from "../PageData.ts"
import type { Kit } from "./Kit.ts"

/** Free of names from outside; see `Kit.ts`. */
export const heatMap = (kit: Kit, data: PageData, digits: string): void => {
  const { byId, duration, el, svg } = kit
  const { max, rows, slotMs, slots, text } = data.copies
  const host = byId("copies")
  const canvas = byId("copies-canvas") as HTMLCanvasElement
  const overlay = byId("copies-axes")
  const at = (slot: number, row: number) => {
    const place = 2 * (slot * rows + row)
    return (digits.indexOf(text[place]!) * 64 + digits.indexOf(text[place + 1]!)) / 4_095 * max
  }
  const HEIGHT = 280
  let frame = { left: 68, top: 24, width: 1, height: HEIGHT - 24 - 40 }
  let place = (_: number) => {}
  const cell = { slot: 0, row: 0 }
  const range = (row: number) => {
    const first = Math.ceil(row * data.pieceCount / rows)
    const last = Math.ceil((row + 1) * data.pieceCount / rows) - 1
    return first === last ? `piece ${first}` : `pieces ${first} to ${last}`
  }
  const copiesText = (value: number) => {
    // The packed numbers are not exact to the last digit.
    const shown = Number(value.toFixed(value < 10 ? 1 : 0))
    return value === 0 ? "no copy" : `${shown} ${shown === 1 ? "copy" : "copies"}`
  }
  const say = () =>
    `${range(cell.row)} at ${duration(cell.slot * slotMs)}: ${copiesText(at(cell.slot, cell.row))}`

  /** A pixel a cell; the style sheet stretches it. */
  const paint = () => {
    canvas.width = Math.max(1, slots)
    canvas.height = Math.max(1, rows)
    const context = canvas.getContext("2d")!
    const image = context.createImageData(canvas.width, canvas.height)
    const colors = kit.ramp()
    const none = kit.color("none").match(/[0-9a-f]{2}/gi)!.map((hex) => parseInt(hex, 16))
    for (let slot = 0; slot < slots; slot++) {
      for (let row = 0; row < rows; row++) {
        const value = at(slot, row)
        const color = value === 0 ? none : colors[Math.min(63, Math.floor(value / (max || 1) * 64))]!
        image.data.set([...color, 255], 4 * (row * slots + slot))
      }
    }
    context.putImageData(image, 0, 0)
  }

  kit.onLayout(host, (width) => {
    frame = { ...frame, width: width - 68 - 22 }
    paint()
    // The last slot may reach beyond the end of the run.
    const stretched = frame.width * slots * slotMs / (data.endMs || 1)
    canvas.style.width = `${stretched}px`
    canvas.style.height = `${frame.height}px`
    canvas.style.clipPath = `inset(0 ${Math.max(0, stretched - frame.width)}px 0 0)`
    const root = svg("svg", {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      "aria-hidden": "true",
    })
    const pieces = data.pieceCount
    const step = kit.ticks(pieces, 5, String).filter(({ value }) => value % 1 === 0 && value <= pieces)
    root.append(kit.axes(
      frame,
      {
        ticks: kit.timeTicks(data.endMs, Math.max(2, frame.width / 90)),
        max: data.endMs,
        title: "virtual time",
      },
      {
        ticks: step.map(({ label, value }) => ({ label, value: pieces - value })),
        max: pieces,
        title: "piece",
      },
    ))
    place = kit.timeCursor(root, frame)
    overlay.replaceChildren(root)
  })
  kit.onTime((ms) => place(ms))
  kit.scrub(host, () => frame)

  host.addEventListener("pointermove", (event) => {
    const box = host.getBoundingClientRect()
    const x = (event.clientX - box.left - frame.left) / frame.width
    const y = (event.clientY - box.top - frame.top) / frame.height
    if (x < 0 || x >= 1 || y < 0 || y >= 1) return kit.hideTip()
    cell.slot = Math.min(slots - 1, Math.floor(x * data.endMs / slotMs))
    cell.row = Math.min(rows - 1, Math.floor(y * rows))
    kit.showTip(event, [
      copiesText(at(cell.slot, cell.row)),
      range(cell.row),
      `at ${duration(cell.slot * slotMs)}`,
    ])
  })
  host.addEventListener("pointerleave", kit.hideTip)
  host.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 1
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    }
    const move = moves[event.key]
    if (move === undefined) return
    event.preventDefault()
    cell.slot = Math.max(0, Math.min(slots - 1, cell.slot + move[0]))
    cell.row = Math.max(0, Math.min(rows - 1, cell.row + move[1]))
    kit.setTime(cell.slot * slotMs)
    byId("copies-said").textContent = say()
  })

  const bar = el("span", { class: "bar", "aria-hidden": "true" })
  byId("copies-legend").append(
    el("span", { class: "scale" }, el("span", {}, "1"), bar, el("span", {}, `${Math.round(max)} copies`)),
    kit.legend([{ label: "no copy", color: "var(--none)" }]),
  )
  if (rows < data.pieceCount) {
    byId("copies-note").textContent = `${
      kit.number(data.pieceCount)
    } pieces share ${rows} rows: a cell is their average.`
  }
}
