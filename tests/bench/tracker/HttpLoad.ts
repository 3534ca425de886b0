/** Announces over HTTP: each connection has one question under way, and is kept where the tracker keeps it. */
import { createConnection, type Socket } from "node:net"
import * as Tally from "./Tally.ts"
import type { Load } from "./UdpLoad.ts"
import * as Workload from "./Workload.ts"

const LOST_MS = 2_000

const escape = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

/** Where the body begins and ends; an end of -1 is that of the connection; `undefined` while the head is not whole. */
const bodyOf = (
  text: string,
): { readonly from: number; readonly to: number; readonly isKept: boolean } | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  const isKept = length !== null && head.startsWith("HTTP/1.1") && !/\r\nconnection: *close/i.test(head)
  return { from: end + 4, to: length === null ? -1 : end + 4 + Number(length[1]), isKept }
}

/** Compact peers of a bencoded reply; `undefined` where it has none. */
const peersOf = (body: string): number | undefined => {
  const match = /5:peers(\d+):/.exec(body)
  return match === null ? undefined : Number(match[1]) / 6
}

export const start = (port: number, window: number, workload: Workload.Workload): Promise<Load> => {
  const hashes = Array.from({ length: workload.swarms }, (_, swarm) => escape(Workload.infoHash(swarm)))
  let next: () => number | undefined = () => undefined
  let tally = Tally.make()
  let active = 0
  let finish = (): void => {}
  let isClosed = false
  /** Until the tracker is seen to close connections that it did not say it would, as opentracker does. */
  let isKeeping = true

  const requestOf = (peer: number): string =>
    `GET /announce?info_hash=${hashes[workload.swarmOf[peer]!]}&peer_id=${Workload.peerId(peer)}` +
    `&port=${workload.portOf[peer]}&uploaded=0&downloaded=0&left=${
      workload.leftOf[peer]
    }&compact=1&numwant=50` +
    ` HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: load/1\r\nAccept-Encoding: identity\r\n\r\n`

  /** One asker: its connections come from the address with its number, one after the other where they are not kept. */
  const makeAsker = (number: number) => {
    let socket: Socket | undefined
    let text = ""
    let sentAt = 0
    let isBusy = false
    /** The connection had an answer before. */
    let isReused = false
    let request = ""

    const settle = (record: () => void): void => {
      if (!isBusy) return
      isBusy = false
      record()
      ask()
    }

    const read = (isEnd: boolean): void => {
      const body = bodyOf(text)
      if (body === undefined || (body.to < 0 ? !isEnd : text.length < body.to)) return
      const answer = text.slice(body.from, body.to < 0 ? undefined : body.to)
      const latencyMs = performance.now() - sentAt
      text = ""
      isReused = true
      if (!body.isKept || !isKeeping) {
        socket?.destroy()
        socket = undefined
      }
      settle(() => {
        const peers = peersOf(answer)
        if (peers === undefined) Tally.fail(tally, answer.slice(0, 200))
        else Tally.answer(tally, latencyMs, peers)
      })
    }

    const open = (): Socket => {
      tally.connections++
      const mine = createConnection({
        host: "127.0.0.1",
        port,
        localAddress: Workload.address(number % workload.addresses),
        noDelay: true,
      })
      mine.setEncoding("latin1")
      mine.on("data", (chunk: string) => {
        if (socket !== mine) return
        text += chunk
        read(false)
      })
      const onEnd = (error?: Error): void => {
        if (socket !== mine) return
        if (error === undefined) read(true)
        if (socket !== mine) return
        socket = undefined
        if (isReused && isBusy && text === "" && !isClosed) {
          isKeeping = false
          send()
        } else settle(() => isClosed || Tally.fail(tally, error?.message ?? "closed without an answer"))
      }
      mine.on("end", () => onEnd()).on("error", onEnd).on("close", () => onEnd())
      return mine
    }

    const ask = (): void => {
      const peer = isClosed ? undefined : next()
      if (peer === undefined) {
        if (--active === 0) finish()
        return
      }
      isBusy = true
      request = requestOf(peer)
      sentAt = performance.now()
      send()
    }

    const send = (): void => {
      text = ""
      if (socket === undefined) {
        isReused = false
        socket = open()
      }
      socket.write(request, "latin1")
    }

    return {
      ask,
      reap: (before: number): void => {
        if (!isBusy || sentAt > before) return
        socket?.destroy()
        socket = undefined
        settle(() => void tally.lost++)
      },
      close: () => socket?.destroy(),
    }
  }

  const askers = Array.from({ length: window }, (_, number) => makeAsker(number))
  const reap = setInterval(() => askers.forEach((asker) => asker.reap(performance.now() - LOST_MS)), 100)
  return Promise.resolve({
    run: (from, into) =>
      new Promise((resolve) => {
        next = from
        tally = into
        finish = resolve
        active = askers.length
        for (const asker of askers) asker.ask()
      }),
    close: () => {
      isClosed = true
      clearInterval(reap)
      for (const asker of askers) asker.close()
    },
  })
}
