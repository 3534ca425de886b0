/** The swarm at a moment: peers on a circle, arrows for what flows, dashes for who is kept waiting; and the clock of the page. */
import type { PageData } from "../PageData.ts"
import type { Kit } from "./Kit.ts"

/** Free of names from outside; see `Kit.ts`. */
export const swarm = (
  kit: Kit,
  data: PageData,
  digits: string,
  levels: { readonly first: number; readonly last: number; readonly run: number },
): void => {
  const { byId, duration, el } = kit
  const { frames } = data
  const classes = data.figures.classes
  const size = frames.sample.length
  const canvas = byId("swarm") as HTMLCanvasElement
  const slider = byId("time") as HTMLInputElement
  const play = byId("play") as HTMLButtonElement
  const speed = byId("speed") as HTMLSelectElement
  const chosen = byId("peer") as HTMLSelectElement
  const waiting = byId("waiting") as HTMLInputElement

  interface Link {
    readonly from: number
    readonly to: number
    /** 0: kept waiting; 1: may download, nothing flows. */
    readonly level: number
    readonly rate: number
  }

  const steps = levels.last - levels.first + 1
  const unpacked = new Map<number, ReadonlyArray<Link>>()
  const linksOf = (frame: number): ReadonlyArray<Link> => {
    const known = unpacked.get(frame)
    if (known !== undefined) return known
    const links: Array<Link> = []
    // Rows are as long as the sample was meant to be, whether all have come or not.
    const columns = Math.round(Math.sqrt(pairCount))
    let pair = 0
    for (const character of frames.pairs[frame] ?? "") {
      const value = digits.indexOf(character)
      if (value >= levels.run) {
        pair += value - levels.run + 1
        continue
      }
      const level = value >= levels.first ? value - levels.first + 2 : value - 1
      const rate = level < 2 ? 0 : frames.maxRate * ((level - 1) / steps) ** 2
      links.push({ from: Math.floor(pair / columns), to: pair % columns, level, rate })
      pair++
    }
    if (unpacked.size > 20) unpacked.clear()
    unpacked.set(frame, links)
    return links
  }
  const pairCount = [...frames.pairs[0] ?? ""].reduce((sum, character) => {
    const value = digits.indexOf(character)
    return sum + (value >= levels.run ? value - levels.run + 1 : 1)
  }, 0)
  /** Parts of everything; `undefined`: not there. */
  const progressOf = (frame: number, peer: number) => {
    const character = frames.progress[frame]?.[peer] ?? " "
    return character === " " ? undefined : digits.indexOf(character) / 63
  }
  const frameAt = (ms: number) =>
    Math.max(0, Math.min(frames.pairs.length - 1, Math.floor(ms / frames.slotMs)))

  /** Classes side by side, so that what flows between them is seen. */
  const order = frames.sample.map((_, peer) => peer).sort((a, b) => {
    const left = frames.sample[a]!
    const right = frames.sample[b]!
    return left.classIndex - right.classIndex || left.index - right.index
  })
  const turnOf = new Map(order.map((peer, at) => [peer, at / size * 2 * Math.PI - Math.PI / 2]))
  const nameOf = (peer: number) => `peer ${frames.sample[peer]!.index}`
  const classOf = (peer: number) => classes[frames.sample[peer]!.classIndex]!

  let side = 0
  let pinned: number | undefined
  let hovered: number | undefined
  let isPlaying = false
  let phase = 0
  let theme: {
    ink: string
    muted: string
    card: string
    line: string
    classes: Array<string>
    ramp: Array<string>
  }

  const readTheme = () => {
    theme = {
      ink: kit.color("ink"),
      muted: kit.color("muted"),
      card: kit.color("card"),
      line: kit.color("line"),
      classes: classes.map((_, index) => kit.color(`class-${index % 8}`)),
      ramp: kit.ramp().map((channels) => `rgb(${channels.join(" ")})`),
    }
  }

  const placeOf = (peer: number) => {
    const turn = turnOf.get(peer)!
    const radius = side / 2 - 34
    return { x: side / 2 + radius * Math.cos(turn), y: side / 2 + radius * Math.sin(turn) }
  }
  const nodeRadius = () => Math.max(5, Math.min(13, side * 0.9 / Math.max(8, size)))

  const drawLink = (context: CanvasRenderingContext2D, { from, level, to }: Link, isDimmed: boolean) => {
    const a = placeOf(from)
    const b = placeOf(to)
    const middle = side / 2
    // Bent towards the middle, and a little aside, so that what flows back lies beside what flows there.
    const dx = b.x - a.x
    const dy = b.y - a.y
    const length = Math.hypot(dx, dy) || 1
    const bend = 0.12 * length
    const control = {
      x: (a.x + b.x) / 2 * 0.6 + middle * 0.4 - dy / length * bend * 0.5,
      y: (a.y + b.y) / 2 * 0.6 + middle * 0.4 + dx / length * bend * 0.5,
    }
    const ex = b.x - control.x
    const ey = b.y - control.y
    const reach = Math.hypot(ex, ey) || 1
    const gap = nodeRadius() + 3
    const end = { x: b.x - ex / reach * gap, y: b.y - ey / reach * gap }
    const strength = level < 2 ? 0 : (level - 1) / steps
    const color = level === 0 ? theme.muted : theme.classes[frames.sample[from]!.classIndex]!
    context.strokeStyle = context.fillStyle = color
    context.globalAlpha = isDimmed ? 0.06 : level === 0 ? 0.4 : level === 1 ? 0.3 : 0.35 + 0.55 * strength
    context.lineWidth = level < 2 ? 1 : 1 + 4 * strength
    context.setLineDash(level === 0 ? [3, 5] : [])
    context.beginPath()
    context.moveTo(a.x, a.y)
    context.quadraticCurveTo(control.x, control.y, end.x, end.y)
    context.stroke()
    context.setLineDash([])
    if (level < 2) return
    const head = 4 + 5 * strength
    const ux = ex / reach
    const uy = ey / reach
    context.beginPath()
    context.moveTo(end.x + ux * 2, end.y + uy * 2)
    context.lineTo(end.x - ux * head - uy * head * 0.5, end.y - uy * head + ux * head * 0.5)
    context.lineTo(end.x - ux * head + uy * head * 0.5, end.y - uy * head - ux * head * 0.5)
    context.fill()
    if (!isPlaying || isDimmed || kit.isCalm()) return
    // Drops that run along what flows, the faster the more of it.
    context.fillStyle = theme.card
    context.globalAlpha = 0.9
    const drops = length > side / 3 ? 2 : 1
    for (let i = 0; i < drops; i++) {
      const t = (phase * (0.4 + strength) + i / drops + (from * 7 + to * 13) % 10 / 10) % 1
      const u = 1 - t
      context.beginPath()
      context.arc(
        u * u * a.x + 2 * u * t * control.x + t * t * end.x,
        u * u * a.y + 2 * u * t * control.y + t * t * end.y,
        1 + 1.2 * strength,
        0,
        2 * Math.PI,
      )
      context.fill()
    }
  }

  const drawPeer = (context: CanvasRenderingContext2D, peer: number, frame: number, isDimmed: boolean) => {
    const { x, y } = placeOf(peer)
    const radius = nodeRadius()
    const part = progressOf(frame, peer)
    const color = theme.classes[frames.sample[peer]!.classIndex]!
    context.globalAlpha = isDimmed ? 0.35 : 1
    context.beginPath()
    context.arc(x, y, radius, 0, 2 * Math.PI)
    context.fillStyle = theme.card
    context.fill()
    if (part === undefined) {
      context.setLineDash([2, 3])
      context.lineWidth = 1
      context.strokeStyle = theme.muted
      context.stroke()
      context.setLineDash([])
    } else {
      context.fillStyle = theme.ramp[Math.round(part * 63)]!
      context.fill()
      context.lineWidth = 1.5
      context.strokeStyle = theme.line
      context.stroke()
      context.beginPath()
      context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * part)
      context.lineWidth = 3.5
      context.strokeStyle = color
      context.stroke()
    }
    const isChosen = peer === (hovered ?? pinned)
    if (isChosen) {
      context.beginPath()
      context.arc(x, y, radius + 5, 0, 2 * Math.PI)
      context.lineWidth = 2
      context.strokeStyle = theme.ink
      context.stroke()
    }
    const turn = turnOf.get(peer)!
    context.fillStyle = isChosen ? theme.ink : theme.muted
    context.font = `${isChosen ? "600 " : ""}${side < 420 ? 9 : 11}px system-ui, sans-serif`
    context.textAlign = "center"
    context.textBaseline = "middle"
    const away = radius + (isChosen ? 14 : 12)
    context.fillText(String(frames.sample[peer]!.index), x + away * Math.cos(turn), y + away * Math.sin(turn))
  }

  const draw = () => {
    if (side === 0) return
    const density = Math.min(2, devicePixelRatio || 1)
    const context = canvas.getContext("2d")!
    if (canvas.width !== Math.round(side * density)) {
      canvas.width = canvas.height = Math.round(side * density)
      canvas.style.width = canvas.style.height = `${side}px`
    }
    context.setTransform(density, 0, 0, density, 0, 0)
    context.globalAlpha = 1
    context.clearRect(0, 0, side, side)
    const frame = frameAt(kit.time())
    const focus = hovered ?? pinned
    const isOf = (link: Link) => focus === undefined || link.from === focus || link.to === focus
    const links = linksOf(frame).filter((link) =>
      link.level > 0 || (focus !== undefined ? isOf(link) : waiting.checked)
    )
    // Weak ones first, so that strong ones lie on top of them.
    for (const link of [...links].sort((a, b) => a.level - b.level)) drawLink(context, link, !isOf(link))
    for (const peer of order) {
      const isNear = focus === undefined || peer === focus ||
        links.some((link) => isOf(link) && (link.from === peer || link.to === peer))
      drawPeer(context, peer, frame, !isNear)
    }
    context.globalAlpha = 1
    describe(frame, focus)
  }

  const describe = (frame: number, focus: number | undefined) => {
    const links = linksOf(frame)
    const list = (title: string, rows: ReadonlyArray<readonly [string, string]>) =>
      el(
        "div",
        {},
        el("dt", {}, title),
        ...rows.map(([text, value]) => el("dd", {}, text, el("b", {}, value))),
      )
    const ms = kit.time()
    const lacking = kit.valueAt(data.population, 0, ms)
    const whole = kit.valueAt(data.population, 1, ms)
    const flows = classes.map((_, index) => kit.valueAt(data.uploaded, index, ms))
    const parts = [
      list("The whole swarm", [
        ["downloading", kit.number(lacking)],
        ["complete", kit.number(whole)],
        ["upload of all", kit.rate(flows.reduce((sum, flow) => sum + flow, 0))],
      ]),
      ...(focus !== undefined ? [] : [
        list("Upload by class", classes.map(({ name }, index) => [name, kit.rate(flows[index]!)] as const)),
      ]),
    ]
    if (focus !== undefined) {
      const most = (all: ReadonlyArray<Link>, other: (link: Link) => number) =>
        [...all].sort((a, b) => b.rate - a.rate).slice(0, 5).map((link) =>
          [nameOf(other(link)), link.level < 2 ? "idle" : `≈ ${kit.rate(link.rate)}`] as const
        )
      const out = links.filter((link) => link.from === focus && link.level > 0)
      const into = links.filter((link) => link.to === focus && link.level > 0)
      const choked = links.filter((link) => link.to === focus && link.level === 0).length
      const chokes = links.filter((link) => link.from === focus && link.level === 0).length
      const part = progressOf(frame, focus)
      parts.push(
        list(`Peer ${frames.sample[focus]!.index}, ${classOf(focus).name}`, [
          ["has", part === undefined ? "not there" : kit.percent(part)],
          ["is kept waiting by", String(choked)],
          ["keeps waiting", String(chokes)],
        ]),
        list("Uploads to", out.length === 0 ? [["nobody", ""]] : most(out, (link) => link.to)),
        list("Downloads from", into.length === 0 ? [["nobody", ""]] : most(into, (link) => link.from)),
      )
    }
    byId("now").replaceChildren(...parts)
  }

  kit.onLayout(byId("swarm-host"), (width) => {
    side = Math.min(width, 620)
    readTheme()
    draw()
  })

  const nearest = (event: MouseEvent) => {
    const box = canvas.getBoundingClientRect()
    const reach = (nodeRadius() + 10) ** 2
    return order.find((peer) => {
      const { x, y } = placeOf(peer)
      return (x + box.left - event.clientX) ** 2 + (y + box.top - event.clientY) ** 2 < reach
    })
  }
  canvas.addEventListener("pointermove", (event) => {
    const next = event.pointerType === "mouse" ? nearest(event) : undefined
    if (next === hovered) return
    hovered = next
    canvas.style.cursor = next === undefined ? "default" : "pointer"
    draw()
  })
  canvas.addEventListener("pointerleave", () => {
    if (hovered === undefined) return
    hovered = undefined
    draw()
  })
  canvas.addEventListener("click", (event) => {
    const next = nearest(event)
    pinned = next === pinned ? undefined : next
    chosen.value = pinned === undefined ? "" : String(pinned)
    draw()
  })

  chosen.append(
    el("option", { value: "" }, "all of them"),
    ...order.map((peer) => el("option", { value: peer }, `${nameOf(peer)}, ${classOf(peer).name}`)),
  )
  chosen.addEventListener("change", () => {
    pinned = chosen.value === "" ? undefined : Number(chosen.value)
    draw()
  })
  waiting.checked = size <= 24
  waiting.addEventListener("change", draw)

  slider.max = String(Math.max(1, data.endMs))
  slider.step = String(Math.max(1, Math.round(data.endMs / 1_000)))
  slider.addEventListener("input", () => kit.setTime(Number(slider.value)))
  kit.onTime((ms) => {
    slider.value = String(ms)
    const text = duration(ms)
    slider.setAttribute("aria-valuetext", text)
    byId("clock").textContent = `${text} of ${duration(data.endMs)}`
    draw()
  })

  const setPlaying = (next: boolean) => {
    isPlaying = next
    play.setAttribute("aria-pressed", String(next))
    byId("play-text").textContent = next ? "Pause" : "Play"
    if (!next) return draw()
    if (kit.time() >= data.endMs) kit.setTime(0)
    let last = performance.now()
    const tick = (now: number) => {
      if (!isPlaying) return
      const passed = Math.min(100, now - last)
      last = now
      phase += passed / 1_000
      kit.setTime(kit.time() + passed * data.endMs / (1_000 * Number(speed.value)))
      if (kit.time() >= data.endMs) return setPlaying(false)
      requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  }
  play.addEventListener("click", () => setPlaying(!isPlaying))

  byId("swarm-legend").append(
    kit.legend(
      classes.flatMap(({ name, peers }, index) =>
        peers === 0 ? [] : [{ label: name, color: kit.classColor(index), detail: kit.number(peers) }]
      ),
    ),
  )
  if (size < data.peers.of) {
    byId("swarm-note").textContent = `A sample of ${size} of the ${
      kit.number(data.peers.of)
    } peers, each class with its share; what they exchange with others is not drawn.`
  }
  // Begin where most was going on, so that the page shows something before anybody touches it.
  let busiest = 0
  let most = -1
  frames.pairs.forEach((text, frame) => {
    const flows = [...text].filter((character) => {
      const value = digits.indexOf(character)
      return value >= levels.first && value <= levels.last
    }).length
    if (flows > most) [busiest, most] = [frame, flows]
  })
  kit.setTime((busiest + 0.5) * frames.slotMs)
}
