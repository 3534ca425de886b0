// How fast a simulated swarm goes: blocks delivered and events a second, virtual against real and processor time, memory.
// What is done of the run goes to stderr, a line for each tenth of its blocks.
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

/** Every so many events it is looked how far the swarm has come. */
const EVENTS = 100_000

const world = World.make(scenario, [])
const blocks = peers * Math.ceil(sizeBytes / 16_384)
const startedAt = performance.now()
const before = process.cpuUsage()

/** What has happened so far, and what it took. Processor time is this process's: on a busy machine it alone means much. */
const soFar = () => {
  const { system, user } = process.cpuUsage(before)
  return { ...World.view(world), cpu: (system + user) / 1e6, real: (performance.now() - startedAt) / 1e3 }
}
const whole = (number) => Math.round(number).toLocaleString("en")

for (let tenths = 0; !World.isOver(world);) {
  World.run(world, { events: EVENTS })
  const { cpu, deliveries, now, real } = soFar()
  if (deliveries < blocks * (tenths + 1) / 10) continue
  tenths = Math.floor(deliveries / blocks * 10)
  process.stderr.write(
    `${tenths * 10} %: ${whole(deliveries)} blocks, ${whole(now / 1e3)} s virtual, ${whole(real)} s real, ` +
      `${whole(cpu)} s of processor time, ${whole(process.memoryUsage().rss / 2 ** 20)} MiB\n`,
  )
}

const { cpu, deliveries, events, now, real } = soFar()
process.stdout.write(
  [
    `${peers} peers × ${mib} MiB in pieces of ${scenario.pieceBytes / 1024} KiB, seed ${seed}`,
    `digest            ${World.digest(world)}`,
    `blocks            ${whole(deliveries)}, ${whole(deliveries / cpu)} a second of processor time`,
    `events            ${whole(events)}, ${whole(events / cpu)} a second of processor time`,
    `time              ${(now / 1e3).toFixed(1)} s virtual, ${real.toFixed(1)} s real, ${
      cpu.toFixed(1)
    } s of processor time`,
    `memory at most    ${whole(process.resourceUsage().maxRSS / 1024)} MiB`,
  ].join("\n") + "\n",
)
