/**
 * A peer that behaves, in a process of its own: a leecher that asks for block after block and keeps nothing, or a seeder
 * that has everything. Prints `{"bytes":N}` of payload so far ten times a second.
 */
import { Buffer } from "node:buffer"
import { closeSync, openSync, readSync } from "node:fs"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import process from "node:process"
import * as Wire from "./Wire.ts"

export interface Case {
  readonly role: "leecher" | "seeder"
  /** Where shoal listens; a seeder waits for shoal to come. */
  readonly port: number
  readonly infoHash: string
  readonly pieceLength: number
  readonly pieceCount: number
  /** The only file of the torrent, for a seeder. */
  readonly path: string
  /** 0: as fast as it goes. */
  readonly rateBytesPerSec: number
}

/** Requests under way: enough for a fast line, as a client with a default configuration has them. */
const WINDOW = 250

const { infoHash, path, pieceCount, pieceLength, port, rateBytesPerSec, role } = JSON.parse(
  process.argv[2]!,
) as Case

let payload = 0
/** How often it was choked, and how often it had to connect: what a low rate may come from. */
let chokes = 0
let connects = 0
const startedAt = performance.now()

/** How long to wait until the rate allows more. */
const aheadMs = (): number =>
  rateBytesPerSec === 0 ? 0 : payload / rateBytesPerSec * 1_000 - (performance.now() - startedAt)

const leech = (): void => {
  connects++
  const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.1", noDelay: true })
  const blocksPerPiece = pieceLength / Wire.BLOCK_BYTES
  let next = 0
  let waiting = 0
  let isUnchoked = false
  const ask = (): void => {
    const requests: Array<Buffer> = []
    while (isUnchoked && waiting < WINDOW) {
      const block = next++ % ((pieceCount - 1) * blocksPerPiece)
      requests.push(
        Wire.request(Math.floor(block / blocksPerPiece), block % blocksPerPiece * Wire.BLOCK_BYTES),
      )
      waiting++
    }
    if (requests.length > 0) socket.write(Buffer.concat(requests))
  }
  // Blocks are counted and dropped as they pass: putting them together would cost more than sending them.
  let head = Buffer.alloc(0)
  let skip = Wire.HANDSHAKE_BYTES
  let isGreeted = false
  const take = (chunk: Buffer): void => {
    let at = 0
    while (at < chunk.length) {
      if (skip > 0) {
        const count = Math.min(skip, chunk.length - at)
        skip -= count
        at += count
        if (skip === 0 && !isGreeted) {
          isGreeted = true
          socket.write(Wire.message(Wire.ID.interested))
        }
        continue
      }
      const part = chunk.subarray(at, at + 5 - head.length)
      head = Buffer.concat([head, part])
      at += part.length
      if (head.length === 4 && head.readUInt32BE() === 0) head = Buffer.alloc(0)
      if (head.length < 5) continue
      const [length, id] = [head.readUInt32BE(), head[4]!]
      head = Buffer.alloc(0)
      skip = length - 1
      if (id === Wire.ID.piece) {
        payload += length - 9
        waiting--
      } else if (id === Wire.ID.choke) {
        isUnchoked = false
        chokes++
      } else if (id === Wire.ID.unchoke) isUnchoked = true
      else if (id === Wire.ID.reject) waiting--
    }
    const wait = aheadMs()
    if (wait > 20) {
      socket.pause()
      setTimeout(() => socket.resume(), wait)
    }
    ask()
  }
  socket.on("data", take)
  socket.on("error", () => {})
  // Whoever is sent away comes again, as clients do.
  socket.on("close", () => setTimeout(leech, 500))
  socket.write(Buffer.concat([Wire.handshake(infoHash), Wire.message(Wire.ID.haveNone)]))
}

const serve = (socket: Socket): void => {
  const file = openSync(path, "r")
  const queue: Array<Buffer> = []
  let isWaiting = false
  const answer = (): void => {
    isWaiting = false
    for (let sent = 0; queue.length > 0 && !socket.destroyed; sent++) {
      const wait = aheadMs()
      if (wait > 5 || socket.writableNeedDrain || sent === 64) {
        isWaiting = true
        if (socket.writableNeedDrain) socket.once("drain", answer)
        else setTimeout(answer, Math.max(0, wait))
        return
      }
      const body = queue.shift()!
      const [piece, begin, length] = [body.readUInt32BE(0), body.readUInt32BE(4), body.readUInt32BE(8)]
      const block = Buffer.allocUnsafe(length)
      readSync(file, block, 0, length, piece * pieceLength + begin)
      socket.write(Wire.message(Wire.ID.piece, body.subarray(0, 8), block))
      payload += length
    }
  }
  socket.on(
    "data",
    Wire.reader((id, body) => {
      if (id === Wire.ID.interested) socket.write(Wire.message(Wire.ID.unchoke))
      if (id === Wire.ID.request) queue.push(Buffer.from(body))
      if (!isWaiting) answer()
    }),
  )
  socket.on("error", () => {})
  socket.on("close", () => {
    queue.length = 0
    closeSync(file)
  })
  socket.write(Buffer.concat([Wire.handshake(infoHash), Wire.message(Wire.ID.haveAll)]))
}

if (role === "leecher") leech()
else {
  const server = createServer({ noDelay: true }, serve).listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }))
  })
}
setInterval(
  () => console.log(JSON.stringify({ bytes: payload, ms: performance.now(), chokes, connects })),
  100,
)
