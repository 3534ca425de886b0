/**
 * A network of its own for the programs of a test: a namespace with one Ethernet device that has many addresses, so that each
 * program is a host, and with no way out. Some clients refuse peers and nodes on 127.0.0.0/8; and what is multicast here
 * reaches nobody else. Only root can make one (Linux).
 */
import process from "node:process"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"

export interface Network {
  /** Put before a command that is to run inside. */
  readonly enter: ReadonlyArray<string>
  /** An address that nobody has been given yet. */
  readonly host: () => string
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const HOSTS = 60

export const missing = (): string | undefined =>
  process.getuid?.() !== 0
    ? "needs a network namespace, and only root can make one"
    : Clients.missing("unshare", "nsenter", "ip")

// One end of a cable that leads nowhere. What is sent to a group goes round inside the machine, as on any device.
const SET_UP = `
  ip link set lo up
  ip link add eth0 type veth peer name end0
  ip link set eth0 up
  ip link set end0 up
  for i in $(seq ${HOSTS}); do ip address add 10.77.0.$i/24 dev eth0; done
  ip route add default dev eth0
  echo ready
  exec sleep infinity
`

/** Fails where the system has no virtual Ethernet devices. */
export const make = async (): Promise<Network> => {
  const child = Process.start("unshare", ["--net", "sh", "-e", "-c", SET_UP], { name: "network" })
  await Clients.whenReady(child, child.line(/^ready$/))
  let hosts = 0
  return {
    enter: ["nsenter", `--net=/proc/${child.pid}/ns/net`],
    host: () => {
      if (++hosts > HOSTS) throw new Error(`this network has ${HOSTS} addresses, and all are taken`)
      return `10.77.0.${hosts}`
    },
    stop: child.stop,
    [Symbol.asyncDispose]: child.stop,
  }
}
