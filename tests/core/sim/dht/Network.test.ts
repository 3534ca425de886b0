import { describe, expect, it } from "vitest"
import * as Rng from "../../../../core/base/Rng.ts"
import { MINUTE } from "../../../../core/base/Time.ts"
import * as Compact from "../../../../core/dht/Compact.ts"
import * as Node from "../../../../core/dht/Node.ts"
import * as Host from "../../../../core/sim/dht/Host.ts"
import * as Network from "../../../../core/sim/dht/Network.ts"
import * as Scenario from "../../../../core/sim/dht/Scenario.ts"
import * as State from "../../../../core/sim/dht/State.ts"
import * as Users from "../../../../core/sim/dht/Users.ts"
import * as Queue from "../../../../core/sim/Queue.ts"

const host = (number: number, natted = false): Host.Host => {
  const made = Host.make(number, number, Uint8Array.of(8, 8, number, 8, 4, 0), 10, {
    router: false,
    readOnly: false,
    natted,
  }, undefined)
  made.isUp = true
  return made
}

const world = (loss: number, ...hosts: ReadonlyArray<Host.Host>): State.World => {
  const scenario = Scenario.make({ seed: 1, nodes: 10, loss, jitterMs: 1, latencyMs: [10, 20] })
  const made = State.make(scenario, [], Node, Users.make(scenario))
  for (const one of hosts) made.byAddress.set(one.address.host, one)
  return made
}

/** What arrives of what is under way: how long each took, undefined for what nobody heard. */
const arrivals = (made: State.World): Array<number | undefined> => {
  const list: Array<number | undefined> = []
  const startedAt = made.queue.now
  while (Queue.pop(made.queue)) {
    const flight = Network.land(made, made.queue.target)
    list.push(flight && made.queue.now - startedAt)
  }
  return list
}

const BYTES = Uint8Array.of(1)

describe("Network", () => {
  it("takes what both ends and the path add, and a little more each time", () => {
    const [a, b] = [host(1), host(2)]
    const made = world(0, a, b)
    for (let i = 0; i < 100; i++) Network.send(made, a, b.address, BYTES, false)
    const times = arrivals(made).map(Number)
    expect(times).toHaveLength(100)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(20)
    expect(Math.max(...times)).toBeLessThanOrEqual(20 + 20 + 15)
    expect(new Set(times).size).toBeGreaterThan(2)
  })

  it("loses as many as it is told to", () => {
    const [a, b] = [host(1), host(2)]
    const made = world(0.25, a, b)
    for (let i = 0; i < 4_000; i++) Network.send(made, a, b.address, BYTES, false)
    expect(arrivals(made).length).toBeGreaterThan(2_900)
    expect(made.counters.lost).toBeGreaterThan(900)
  })

  it("brings nothing where nobody is, or nobody any more", () => {
    const [a, b] = [host(1), host(2)]
    const made = world(0, a, b)
    Network.send(made, a, { host: "9.9.9.9", port: 1 }, BYTES, false)
    Network.send(made, a, { host: b.address.host, port: b.address.port + 1 }, BYTES, false)
    expect(arrivals(made)).toEqual([])
    Network.send(made, a, b.address, BYTES, false)
    b.isUp = false
    expect(arrivals(made)).toEqual([undefined])
    expect(made.counters.unheard).toBe(3)
  })

  it("lets through a NAT only who was spoken to, for two minutes", () => {
    const [a, b] = [host(1), host(2, true)]
    const made = world(0, a, b)
    Network.send(made, a, b.address, BYTES, false)
    expect(arrivals(made)).toEqual([undefined])
    Network.send(made, b, a.address, BYTES, false)
    expect(arrivals(made)).toEqual([expect.any(Number)])
    Network.send(made, a, b.address, BYTES, false)
    expect(arrivals(made)).toEqual([expect.any(Number)])
    made.queue.now += 2 * MINUTE
    Network.send(made, a, b.address, BYTES, false)
    expect(arrivals(made)).toEqual([undefined])
  })

  it("opens no way through a NAT for what is sent in its name", () => {
    const [a, b] = [host(1), host(2, true)]
    const made = world(0, a, b)
    Network.send(made, b, a.address, BYTES, true)
    arrivals(made)
    Network.send(made, a, b.address, BYTES, false)
    expect(arrivals(made)).toEqual([undefined])
  })
})

describe("Host", () => {
  it("is at an address of the internet that nobody has", () => {
    const rng = Rng.make(1)
    const taken = new Set<number>()
    for (let i = 0; i < 2_000; i++) {
      const endpoint = Host.drawEndpoint(rng, (key) => taken.has(key))
      const key = Host.key(endpoint, 0)
      expect(taken.has(key)).toBe(false)
      taken.add(key)
      expect(Compact.isUsable(endpoint, 0, "ipv4")).toBe(true)
      expect(Compact.toAddress(endpoint).host).not.toMatch(/^(10|127|192\.168|169\.254)\./)
      expect(Compact.toAddress(endpoint).port).toBeGreaterThanOrEqual(1_024)
    }
  })

  it("forgets the ways through its NAT that are shut", () => {
    const natted = host(1, true)
    for (let number = 2; number < 1_000; number++) Host.speak(natted, host(number), number * 10_000)
    expect(natted.pinholes!.size).toBeLessThan(100)
  })
})
