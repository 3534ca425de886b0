/** The process that abuses: one abuse, named in its argument, until it is killed. Prints what it did each second. */
import { Buffer } from "node:buffer"
import { connect, type Socket } from "node:net"
import { setPriority } from "node:os"
import process from "node:process"
import * as Bencode from "../../support/Bencode.ts"
import * as Abuses from "./Abuses.ts"
import * as Wire from "./Wire.ts"

export interface Case {
  readonly abuse: string
  readonly port: number
  readonly infoHash: string
  readonly pieceCount: number
}

const { abuse: name, infoHash, pieceCount, port } = JSON.parse(process.argv[2]!) as Case
const abuse = Abuses.ALL.find((one) => one.name === name)
if (abuse === undefined) throw new Error(`no abuse is called ${name}`)

// It comes from elsewhere: on this machine it must not take the processors from those that it abuses.
setPriority(10)

const TICK_MS = 10

interface Line {
  readonly socket: Socket
  numbers: Wire.Numbers
  isReady: boolean
  turn: number
}

const lines = new Set<Line>()
let opened = 0
let closed = 0
let sent = 0
let addresses = 0

const extensionsOf = (body: Buffer): Wire.Numbers | undefined => {
  try {
    return (Bencode.decode(body.subarray(1)) as { readonly m: Wire.Numbers }).m
  } catch {
    return undefined
  }
}

const open = (): void => {
  opened++
  const localAddress = `127.0.0.${2 + addresses++ % abuse.addresses}`
  const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true })
  const line: Line = { socket, numbers: {}, isReady: false, turn: 0 }
  lines.add(line)
  let drip: NodeJS.Timeout | undefined
  socket.on("connect", () => {
    const bytes = abuse.begin?.({ infoHash, pieceCount, numbers: {} })
    if (bytes === undefined) return
    if (abuse.dripMs === undefined) {
      socket.write(bytes)
      line.isReady = true
      return
    }
    let at = 0
    drip = setInterval(() => socket.write(bytes.subarray(at, ++at)), abuse.dripMs)
  })
  const read = Wire.reader((id, body) => {
    if (id === Wire.ID.extended && body[0] === 0) line.numbers = extensionsOf(body) ?? line.numbers
    // A deaf one stops here: it has seen the numbers that it needs.
    if (abuse.isDeaf === true) socket.pause()
  })
  socket.on("data", read)
  socket.on("error", () => {})
  socket.on("close", () => {
    clearInterval(drip)
    closed++
    lines.delete(line)
  })
  if (abuse.holdMs !== undefined) setTimeout(() => socket.destroy(), abuse.holdMs)
}

let opens = 0
let allowance = 0
let before = performance.now()
const tick = (): void => {
  const now = performance.now()
  const seconds = Math.min(0.1, (now - before) / 1_000)
  before = now
  opens = Math.min(abuse.connections, opens + abuse.opensPerSec * seconds)
  while (opens >= 1 && lines.size < abuse.connections) {
    opens--
    open()
  }
  const { bytesPerSec = 0, flood } = abuse
  allowance = Math.min(bytesPerSec * 0.1, allowance + bytesPerSec * seconds)
  if (flood === undefined) return
  for (const line of lines) {
    if (allowance <= 0) break
    if (!line.isReady || line.socket.writableNeedDrain) continue
    const bytes = flood({ infoHash, pieceCount, numbers: line.numbers }, line.turn++)
    line.socket.write(bytes)
    allowance -= bytes.length
    sent += bytes.length
    // The next one first, the next time.
    lines.delete(line)
    lines.add(line)
  }
}
setInterval(tick, TICK_MS)
setInterval(() => {
  console.log(JSON.stringify({ opened, closed, open: lines.size, sent, cpu: process.cpuUsage() }))
}, 250)
