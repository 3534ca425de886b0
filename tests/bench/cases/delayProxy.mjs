// A TCP proxy that holds everything back for a while: `delayProxy.mjs HOST PORT DELAY_MS` prints the port that it listens on.
// Kernels that can do this by themselves (netem) are not everywhere. It never says stop: what is on its way is kept here.
import net from "node:net"
import process from "node:process"

const [host, port, delayMs] = process.argv.slice(2)

/** What comes from one end leaves for the other `delayMs` later, in the same order. */
const carry = (from, to) => {
  /** @type {Array<{ at: number, chunk: Buffer | undefined }>} */
  const way = []
  let timer
  const arrive = () => {
    timer = undefined
    const now = performance.now()
    to.cork()
    while (way.length > 0 && way[0].at <= now) {
      const { chunk } = way.shift()
      if (chunk === undefined) to.end()
      else to.write(chunk)
    }
    to.uncork()
    arm()
  }
  const arm = () => {
    if (way.length > 0 && timer === undefined) {
      timer = setTimeout(arrive, Math.max(0, way[0].at - performance.now()))
    }
  }
  const leave = (chunk) => {
    way.push({ at: performance.now() + Number(delayMs), chunk })
    arm()
  }
  from.on("data", leave)
  from.on("end", () => leave(undefined))
  from.on("error", () => to.destroy())
  from.on("close", () => clearTimeout(timer))
}

const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = net.connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
  carry(near, far)
  carry(far, near)
})
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`))
