/** Announces over UDP (BEP 15): always as many outstanding as the window allows, each answer followed by a question. */
import { Buffer } from "node:buffer"
import { createSocket, type Socket } from "node:dgram"
import * as Tally from "./Tally.ts"
import * as Workload from "./Workload.ts"

const HEAD = Buffer.from("0000041727101980", "hex")
const CONNECT = 0
const ANNOUNCE = 1
const ERROR = 3

/** A client would ask again after 15 s; on loopback what has not come by now was dropped. */
const LOST_MS = 1_000
/** A client may use a connection id for a minute. */
const ID_MS = 50_000

interface Source {
  readonly socket: Socket
  id: Buffer | undefined
  idAt: number
}

/** A question under way. The packet stays with the slot, since the system may still be reading it. */
interface Slot {
  readonly packet: Buffer
  sentAt: number
  generation: number
  isBusy: boolean
}

export interface Load {
  /** Asks `next` for peers until it gives none, and all is answered or lost. */
  readonly run: (next: () => number | undefined, tally: Tally.Tally) => Promise<void>
  readonly close: () => void
}

const open = (port: number, address: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20, sendBufferSize: 1 << 20 })
    // While the tracker starts or ends, packets come back as errors; what stays without an answer counts as lost.
    socket.on("error", reject)
    // A connected socket spares a look-up for each packet.
    socket.bind(0, address, () => socket.connect(port, "127.0.0.1", () => resolve(socket)))
  })

export const start = async (port: number, window: number, workload: Workload.Workload): Promise<Load> => {
  const sources: Array<Source> = []
  for (let i = 0; i < workload.addresses; i++) {
    sources.push({ socket: await open(port, Workload.address(i)), id: undefined, idAt: -Infinity })
  }
  const hashes = Array.from({ length: workload.swarms }, (_, swarm) => Workload.infoHash(swarm))
  const ids = Buffer.from(
    Array.from({ length: workload.peers }, (_, peer) => Workload.peerId(peer)).join(""),
    "latin1",
  )
  const slots = Array.from({ length: window }, (): Slot => ({
    packet: Buffer.alloc(98),
    sentAt: 0,
    generation: 0,
    isBusy: false,
  }))

  let next: () => number | undefined = () => undefined
  let tally = Tally.make()
  let outstanding = 0
  let finish = (): void => {}

  const connect = (source: Source): Promise<void> =>
    new Promise((resolve, reject) => {
      const packet = Buffer.concat([HEAD, Buffer.from([0, 0, 0, CONNECT, 0xff, 0xff, 0xff, 0xff])])
      let tries = 0
      const ask = (): void => {
        if (tries++ === 5) return reject(new Error("the tracker gives no connection id over UDP"))
        timer = setTimeout(ask, LOST_MS)
        source.socket.send(packet)
      }
      let timer: NodeJS.Timeout
      const onMessage = (reply: Buffer): void => {
        if (reply.length < 16 || reply.readUInt32BE(0) !== CONNECT) return
        clearTimeout(timer)
        source.socket.off("message", onMessage)
        source.id = Buffer.from(reply.subarray(8, 16))
        source.idAt = performance.now()
        resolve()
      }
      source.socket.on("message", onMessage)
      ask()
    })

  const send = (index: number): boolean => {
    const peer = next()
    if (peer === undefined) return false
    const slot = slots[index]!
    const { packet } = slot
    const source = sources[workload.addressOf[peer]!]!
    slot.generation = (slot.generation + 1) & 0x7fff
    packet.set(source.id!, 0)
    packet.writeUInt32BE(ANNOUNCE, 8)
    packet.writeUInt16BE(slot.generation, 12)
    packet.writeUInt16BE(index, 14)
    packet.set(hashes[workload.swarmOf[peer]!]!, 16)
    packet.set(ids.subarray(peer * 20, peer * 20 + 20), 36)
    packet.writeUInt32BE(workload.leftOf[peer]!, 68)
    packet.writeInt32BE(-1, 92)
    packet.writeUInt16BE(workload.portOf[peer]!, 96)
    slot.isBusy = true
    slot.sentAt = performance.now()
    outstanding++
    source.socket.send(packet)
    return true
  }

  const free = (index: number): void => {
    slots[index]!.isBusy = false
    outstanding--
    if (!send(index) && outstanding === 0) finish()
  }

  const onMessage = (reply: Buffer): void => {
    if (reply.length < 8 || reply.readUInt32BE(0) === CONNECT) return
    const index = reply.readUInt16BE(6)
    const slot = slots[index]
    // Too late: it was counted as lost.
    if (slot === undefined || !slot.isBusy || slot.generation !== reply.readUInt16BE(4)) return
    if (reply.readUInt32BE(0) === ANNOUNCE && reply.length >= 20 && (reply.length - 20) % 6 === 0) {
      Tally.answer(tally, performance.now() - slot.sentAt, (reply.length - 20) / 6)
    } else {
      Tally.fail(
        tally,
        reply.readUInt32BE(0) === ERROR ? reply.toString("latin1", 8, 200) : "not an announce reply",
      )
    }
    free(index)
  }

  const reap = setInterval(() => {
    const before = performance.now() - LOST_MS
    for (const [index, slot] of slots.entries()) {
      if (!slot.isBusy || slot.sentAt > before) continue
      tally.lost++
      free(index)
    }
    for (const source of sources) {
      if (performance.now() - source.idAt > ID_MS) void connect(source).catch(() => {})
    }
  }, 100)

  for (const source of sources) {
    source.socket.on("message", onMessage)
    await connect(source)
  }
  return {
    run: (from, into) =>
      new Promise((resolve) => {
        next = from
        tally = into
        finish = resolve
        for (let index = 0; index < window; index++) if (!send(index)) break
        if (outstanding === 0) resolve()
      }),
    close: () => {
      clearInterval(reap)
      for (const { socket } of sources) socket.close()
    },
  }
}
