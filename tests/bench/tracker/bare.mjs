// The ceiling for a tracker on Node: a process that answers every packet and every request with the same bytes, without
// looking at them further than the protocol of the load generator needs. Prints its ports.
import { Buffer } from "node:buffer"
import { createSocket } from "node:dgram"
import { createServer } from "node:http"

const PEERS = 50
const peers = Buffer.alloc(PEERS * 6, 7)

const socket = createSocket("udp4")
socket.on("message", (packet, { address, port }) => {
  const isConnect = packet.length === 16
  const reply = Buffer.allocUnsafe(isConnect ? 16 : 20 + peers.length)
  reply.fill(0)
  reply[3] = isConnect ? 0 : 1
  packet.copy(reply, 4, 12, 16)
  if (!isConnect) peers.copy(reply, 20)
  socket.send(reply, port, address)
})
socket.bind(0, "127.0.0.1", () => {
  const body = Buffer.concat([
    Buffer.from(`d8:completei1e10:incompletei1e8:intervali1800e5:peers${peers.length}:`),
    peers,
    Buffer.from("e"),
  ])
  const server = createServer((_, response) => response.end(body))
  server.listen(0, "127.0.0.1", () => console.log(`ports ${server.address().port} ${socket.address().port}`))
})
