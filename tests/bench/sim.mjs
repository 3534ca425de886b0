// How fast a simulated swarm goes: blocks delivered and events a second of one core, virtual against real time, memory.
//   node tests/bench/sim.mjs [peers] [MiB] [seed] [piece KiB]
import { register } from "node:module"
import process from "node:process"

register("./typescript.mjs", import.meta.url)
const sim = (file) => import(new URL(`../../core/sim/${file}.ts`, import.meta.url).href)
const World = await sim("World")
const Defaults = await sim("scenario/Defaults")

const [peers = 200, mib = 64, seed = 42, pieceKib] = process.argv.slice(2).map(Number)
const sizeBytes = mib * 2 ** 20
const base = Defaults.scenario({ seed, sizeBytes })
const scenario = {
  ...base,
  pieceBytes: pieceKib === undefined ? base.pieceBytes : pieceKib * 1024,
  classes: base.classes.map((one) => one.role === "leecher" ? { ...one, count: peers } : one),
}

/** Every so many events the memory is looked at, and the progress told to whoever watches. */
const EVENTS = 1_000_000

const world = World.make(scenario, [])
// The time of this process, not of the clock on the wall: on a busy machine only the first one means anything.
const startedAt = process.cpuUsage()
let peak = 0
while (!World.isOver(world)) {
  World.run(world, { events: EVENTS })
  peak = Math.max(peak, process.memoryUsage().rss)
  if (!process.stderr.isTTY) continue
  const { deliveries, now } = World.view(world)
  process.stderr.write(`\r${(now / 1000).toFixed(0)} s of virtual time, ${deliveries} blocks `)
}
const { system, user } = process.cpuUsage(startedAt)
const seconds = (system + user) / 1e6
const { deliveries, events, now } = World.view(world)
const perSecond = (count) => Math.round(count / seconds).toLocaleString("en")
process.stdout.write(
  [
    `${peers} peers × ${mib} MiB in pieces of ${scenario.pieceBytes / 1024} KiB, seed ${seed}`,
    `digest            ${World.digest(world)}`,
    `blocks            ${deliveries.toLocaleString("en")}, ${perSecond(deliveries)} a second`,
    `events            ${events.toLocaleString("en")}, ${perSecond(events)} a second`,
    `time              ${(now / 1000).toFixed(1)} s virtual, ${seconds.toFixed(1)} s of processor time: ${
      (now / 1000 / seconds).toFixed(1)
    } times as fast`,
    `memory at most    ${Math.round(peak / 2 ** 20)} MiB`,
  ].join("\n") + "\n",
)
