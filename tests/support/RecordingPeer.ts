/**
 * A peer that has nothing of any torrent, and remembers what those who connect to it say of other ways to find peers: the DHT
 * (BEP 5) and peer exchange (BEP 11). It offers both itself. Written by hand, apart from shoal's own codec.
 */
import { Buffer } from "node:buffer"
import { type AddressInfo, createServer, type Socket } from "node:net"
import * as Bencode from "./Bencode.ts"

export interface Heard {
  /** Hex. */
  readonly infoHash: string
  /** The last of the reserved bits: "I have a DHT node" (BEP 5). */
  readonly dhtBit: boolean
  /** Ports of DHT nodes that it named. */
  readonly ports: Array<number>
  /** The extensions that it offered, once it has. */
  extensions: ReadonlyArray<string> | undefined
}

export interface RecordingPeer {
  readonly address: string
  /** By connection. */
  readonly heard: ReadonlyArray<Heard>
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const PORT = 9
const EXTENDED = 20
const HANDSHAKE_BYTES = 68

const message = (id: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(1 + payload.length)
  head[4] = id
  return Buffer.concat([head, payload])
}

export const start = async (): Promise<RecordingPeer> => {
  const heard: Array<Heard> = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy())
    serve(socket, heard)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    sockets.forEach((socket) => socket.destroy())
    await closed
  }
  const { port } = server.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, heard, stop, [Symbol.asyncDispose]: stop }
}

const serve = (socket: Socket, heard: Array<Heard>): void => {
  let input = Buffer.alloc(0)
  let record: Heard | undefined
  socket.on("data", (chunk: Buffer) => {
    input = Buffer.concat([input, chunk])
    if (record === undefined) {
      if (input.length < HANDSHAKE_BYTES) return
      record = {
        infoHash: input.toString("hex", 28, 48),
        dhtBit: (input[27]! & 1) === 1,
        ports: [],
        extensions: undefined,
      }
      heard.push(record)
      const mine = Buffer.from(input.subarray(0, HANDSHAKE_BYTES))
      mine.fill(0, 20, 28)
      mine[25] = 0x10
      mine[27] = 0x01
      mine.write("-RC0001-012345678901", 48, "latin1")
      socket.write(mine)
      const offer = Bencode.encode({ m: { ut_pex: 1 } })
      socket.write(message(EXTENDED, Buffer.concat([Buffer.from([0]), offer])))
      input = input.subarray(HANDSHAKE_BYTES)
    }
    while (input.length >= 4 && input.length >= 4 + input.readUInt32BE(0)) {
      const end = 4 + input.readUInt32BE(0)
      if (input[4] === PORT) record.ports.push(input.readUInt16BE(5))
      if (input[4] === EXTENDED && input[5] === 0) {
        const { m } = Bencode.decode(input.subarray(6, end)) as { readonly m: Bencode.Dict }
        record.extensions = Object.keys(m)
      }
      input = input.subarray(end)
    }
  })
}
