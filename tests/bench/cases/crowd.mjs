// Peers that connect, want everything and have nothing, and stay: `crowd.mjs HOST PORT COUNT INFO_HASH PIECES`.
// Each comes from a loopback address of its own, and tries again until it is let in. Prints the most that were in at a time.
import { Buffer } from "node:buffer"
import net from "node:net"
import process from "node:process"

const [host, port, count, infoHash, pieces] = process.argv.slice(2)
const RETRY_MS = 100
let inside = 0
let most = 0

const bitfield = Buffer.alloc(Math.ceil(Number(pieces) / 8))
const bitfieldHead = Buffer.alloc(5)
bitfieldHead.writeUInt32BE(1 + bitfield.length)
bitfieldHead[4] = 5
const interested = Buffer.from([0, 0, 0, 1, 2])
const start = [
  Buffer.from([19]),
  Buffer.from("BitTorrent protocol"),
  Buffer.alloc(8),
  Buffer.from(infoHash, "hex"),
]

const join = (index) => {
  const localAddress = `127.0.${1 + (index >> 7)}.${1 + (index & 127)}`
  const socket = net.connect({ host, port: Number(port), localAddress, noDelay: true })
  let isIn = false
  socket.on("connect", () => {
    const id = Buffer.from(`-XX0001-${String(index).padStart(12, "0")}`)
    socket.write(Buffer.concat([...start, id, bitfieldHead, bitfield, interested]))
  })
  socket.on("data", () => {
    if (isIn) return
    isIn = true
    if (++inside > most) console.log(`most ${most = inside}`)
  })
  socket.on("error", () => {})
  socket.on("close", () => {
    if (isIn) inside--
    setTimeout(() => join(index), RETRY_MS)
  })
}

for (let index = 0; index < Number(count); index++) join(index)
console.log("ready")
