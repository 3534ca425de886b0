/**
 * From a request to its `LookupDone`: a task walks in every DHT that we take part in, stores what is to be stored, and
 * ends when all of that is over.
 *
 * ```
 *   begin ──▶ waiting ──▶ walking ──▶ storing ──▶ done      (each walk by itself; the task ends with the last)
 *           16 at a time
 * ```
 */
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import type { Command } from "./Command.ts"
import * as Bucket from "./Bucket.ts"
import * as Compact from "./Compact.ts"
import type { Found } from "./Event.ts"
import * as Goal from "./Goal.ts"
import type { RequestId } from "./Input.ts"
import type * as KrpcMessage from "./KrpcMessage.ts"
import * as Lookup from "./Lookup.ts"
import type * as NodeId from "./NodeId.ts"
import * as RoutingTable from "./RoutingTable.ts"
import { ask, emit, type Home, type Machine, MAX_ROUTERS } from "./State.ts"

/** Tasks that walk at a time: each has up to 16 questions open. */
export const MAX_WALKING = 16

/** Tasks in all; what is asked for beyond that is done at once, with nothing found. */
export const MAX_TASKS = 1_024

/** Nodes of our own to begin with: the nearest eight, and as many more in case that those are gone. */
const SEEDS = 2 * Lookup.K

/** A task for a request; where there are too many, its end. */
export const begin = (
  machine: Machine,
  request: RequestId,
  goal: Goal.Goal,
  target: NodeId.NodeId,
  out: Array<Command>,
): void => {
  const task: Goal.Task = { request, goal, target, walks: [], stored: 0 }
  if (machine.tasks.size >= MAX_TASKS) end(task, out)
  else machine.tasks.add(task)
}

/** A task of a home for itself, which begins at once. */
export const beginOwn = (
  machine: Machine,
  home: Home,
  isBootstrap: boolean,
  target: NodeId.NodeId,
): void => {
  const goal: Goal.Goal = { _tag: "Neighbours", isBootstrap }
  const task: Goal.Task = { request: undefined, goal, target, walks: [], stored: 0 }
  machine.tasks.add(task)
  task.walks.push(walkOf(machine, home, target))
}

/** The end of a request that nobody waits for any more. */
export const cancel = (machine: Machine, request: RequestId): void => {
  for (const task of machine.tasks) if (task.request === request) forget(machine, task)
}

/** Asks, stores and ends whatever it is time for; gives the tasks that came to their end. */
export const advance = (machine: Machine, out: Array<Command>): ReadonlyArray<Goal.Task> => {
  const ended: Array<Goal.Task> = []
  let walking = 0
  for (const task of machine.tasks) {
    if (task.walks.length === 0) {
      if (walking >= MAX_WALKING) continue
      for (const home of machine.homes) task.walks.push(walkOf(machine, home, task.target))
    }
    walking++
    let isDone = task.goal._tag !== "GetItem" || task.goal.checking === 0
    for (const walk of task.walks) isDone = step(machine, task, walk, out) && isDone
    if (!isDone) continue
    forget(machine, task)
    end(task, out)
    ended.push(task)
  }
  return ended
}

/** An answer to what a task asked. */
export const answered = (
  machine: Machine,
  task: Goal.Task,
  walk: Goal.Walk,
  candidate: Lookup.Candidate,
  response: KrpcMessage.Response,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  if (!machine.tasks.has(task)) return
  const { lookup } = walk
  const id = response.id.slice()
  if (!Lookup.answered(lookup, candidate, id, response.token?.slice())) machine.counters.liars++
  const own = homeFor(machine, lookup.family).table.ownId
  const nodes = lookup.family === "ipv4" ? response.nodes : response.nodes6
  if (nodes !== undefined) Lookup.take(lookup, candidate, nodes, own)
  leak(machine, lookup.family === "ipv4" ? response.nodes6 : response.nodes, candidate, lookup.family)
  Goal.take(machine, task, response, endpoint, out)
}

/** One announce or put of a walk is over. */
export const stored = (task: Goal.Task, walk: Goal.Walk, wasTaken: boolean): void => {
  walk.storing--
  if (wasTaken) task.stored++
}

/** One walk goes on; true where it is done. */
const step = (machine: Machine, task: Goal.Task, walk: Goal.Walk, out: Array<Command>): boolean => {
  const { lookup } = walk
  if (walk.phase === "walking") {
    if (task.goal._tag === "GetItem" && task.goal.isFound) {
      walk.phase = "done"
      return true
    }
    for (;;) {
      const candidate = Lookup.next(lookup)
      if (candidate === undefined) break
      const request = Goal.question(task, wantOf(machine, task, lookup.family))
      if (ask(machine, candidate.endpoint, request, { _tag: "Walk", task, walk, candidate }, out)) continue
      Lookup.putBack(lookup, candidate)
      break
    }
    if (!Lookup.isDone(lookup)) return false
    walk.phase = "storing"
    for (const { endpoint, token } of Lookup.nearest(lookup)) {
      const request = token === undefined ? undefined : Goal.deposit(task, token)
      if (request === undefined) continue
      if (ask(machine, endpoint, request, { _tag: "Store", task, walk }, out)) walk.storing++
    }
  }
  if (walk.phase === "storing" && walk.storing === 0) walk.phase = "done"
  return walk.phase === "done"
}

const walkOf = (machine: Machine, home: Home, target: NodeId.NodeId): Goal.Walk => {
  const lookup = Lookup.make(target, home.family)
  const { rows } = home.table
  const seeds = RoutingTable.closest(home.table, target, SEEDS)
  for (const row of seeds) Lookup.add(lookup, Bucket.id(rows, row), Bucket.endpoint(rows, row), 1)
  if (seeds.length < Lookup.K) {
    for (const { address, id } of machine.saved) {
      const endpoint = Compact.fromAddress(address)
      if (endpoint !== undefined) Lookup.add(lookup, id, endpoint, 1)
    }
    for (const router of home.routers) Lookup.add(lookup, undefined, router, 1)
  }
  return { lookup, phase: "walking", storing: 0 }
}

/** Nodes of the other DHT are asked for while we look for neighbours there or have few (BEP 32, "Dual-stack nodes"). */
const wantOf = (
  { homes }: Machine,
  { goal }: Goal.Task,
  family: Compact.Family,
): KrpcMessage.Want | undefined => {
  if (goal._tag !== "Neighbours") return undefined
  const isPoor = homes.some((home) => home.family !== family && RoutingTable.size(home.table) < Bucket.K)
  return isPoor ? { ipv4: true, ipv6: true } : undefined
}

/** Nodes of the other DHT go to the walk that looks for neighbours there; who knows nobody there begins with them. */
const leak = (
  machine: Machine,
  nodes: KrpcMessage.Response["nodes"],
  from: Lookup.Candidate,
  family: Compact.Family,
): void => {
  if (nodes === undefined || nodes.length === 0 || machine.homes.length < 2) return
  for (const home of machine.homes) {
    if (home.family === family || home.isSettled) continue
    if (!home.isSearching) {
      const count = Math.min(Lookup.K, Compact.count(nodes, home.family))
      for (let i = 0; i < count && home.routers.length < MAX_ROUTERS; i++) {
        const endpoint = Compact.fromAddress(Compact.addressAt(nodes, i, home.family))
        if (endpoint !== undefined && !IpBytes.isLocal(endpoint)) home.routers.push(endpoint)
      }
      home.bootstrapAt = Math.min(home.bootstrapAt, machine.now)
      continue
    }
    for (const { goal, walks } of machine.tasks) {
      if (goal._tag !== "Neighbours") continue
      for (const { lookup } of walks) {
        if (lookup.family === home.family) Lookup.take(lookup, from, nodes, home.table.ownId)
      }
    }
  }
}

const homeFor = ({ homes }: Machine, family: Compact.Family): Home =>
  homes.find((home) => home.family === family)!

const forget = (machine: Machine, task: Goal.Task): void => {
  machine.tasks.delete(task)
  for (const [id, verification] of machine.verifications) {
    if (verification._tag === "Found" && verification.task === task) machine.verifications.delete(id)
  }
}

const end = (task: Goal.Task, out: Array<Command>): void => {
  const { goal, request, stored, walks } = task
  Goal.conclude(task, out)
  if (request === undefined) return
  let hops = 0
  let queries = 0
  let responses = 0
  const nodes: Array<Found> = []
  for (const { lookup } of walks) {
    queries += lookup.queries
    responses += lookup.responses
    for (const { endpoint, hops: way, id } of Lookup.nearest(lookup)) {
      nodes.push({ id, address: Compact.toAddress(endpoint), hops: way })
      hops = Math.max(hops, way)
    }
  }
  const announcedTo = goal._tag === "GetPeers" ? stored : 0
  emit(out, { _tag: "LookupDone", request, hops, queries, responses, nodes, announcedTo })
}
