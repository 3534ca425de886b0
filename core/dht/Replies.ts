/** What becomes of our questions: a response, an error, or nothing for ten seconds. */
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import * as Answers from "./Answers.ts"
import type { Command } from "./Command.ts"
import type * as KrpcMessage from "./KrpcMessage.ts"
import * as Lookup from "./Lookup.ts"
import * as NodeId from "./NodeId.ts"
import * as Proven from "./Proven.ts"
import * as Queries from "./Queries.ts"
import * as RoutingTable from "./RoutingTable.ts"
import { emit, type Home, homeOf, type Machine, type Purpose } from "./State.ts"
import * as Tasks from "./Tasks.ts"
import * as Upkeep from "./Upkeep.ts"
import * as Votes from "./Votes.ts"

/** Takes a response or an error from a compact address. */
export const take = (
  machine: Machine,
  message: KrpcMessage.Response | KrpcMessage.ErrorMessage,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  const { counters, now, queries } = machine
  const query = Queries.close(queries, message.transaction, endpoint)
  if (query === "unknown") counters.unasked++
  else if (query === "elsewhere") counters.elsewhere++
  else {
    const home = homeOf(machine, endpoint)!
    Proven.add(machine.proven, endpoint, now)
    if (message.ip !== undefined) hear(machine, home, endpoint, message.ip, out)
    if (message._tag === "ErrorMessage") {
      counters.errorsIn++
      return refused(machine, query.purpose, message, endpoint, out)
    }
    counters.responsesIn++
    RoutingTable.answered(home.table, message.id.slice(), endpoint, now)
    Upkeep.welcome(machine, home)
    answered(machine, query, message, endpoint, out)
  }
}

/** Gives up on what was asked too long ago, and lets others be asked where an answer is late. */
export const expire = (machine: Machine, out: Array<Command>): void => {
  const { counters, now, queries } = machine
  for (;;) {
    const query = Queries.nextLate(queries, now)
    if (query === undefined) break
    const { endpoint, purpose } = query
    if (purpose._tag === "Walk") Lookup.late(purpose.candidate)
    if (purpose._tag === "Prove") answerStranger(machine, purpose, endpoint, false, out)
  }
  for (;;) {
    const query = Queries.nextLost(queries, now)
    if (query === undefined) break
    counters.lost++
    const home = homeOf(machine, query.endpoint)!
    RoutingTable.failed(home.table, query.endpoint, now)
    Upkeep.hurry(home, now)
    lost(query.purpose, out)
  }
}

/** Nothing can be sent to an address: nobody there is to blame, but nothing will come of it either. */
export const unsent = (machine: Machine, endpoint: Bytes, out: Array<Command>): void => {
  for (const { purpose } of Queries.unsent(machine.queries, endpoint)) lost(purpose, out)
}

const answered = (
  machine: Machine,
  { purpose, sentAt }: Queries.Query<Purpose>,
  response: KrpcMessage.Response,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  switch (purpose._tag) {
    case "Walk": {
      const { candidate, task, walk } = purpose
      return Tasks.answered(machine, task, walk, candidate, response, endpoint, out)
    }
    case "Store":
      return Tasks.stored(purpose.task, purpose.walk, true)
    case "Ping": {
      const { request } = purpose
      if (request === undefined) return
      return emit(out, { _tag: "Pong", request, id: response.id.slice(), rttMs: machine.now - sentAt })
    }
    case "Prove":
      return answerStranger(machine, purpose, endpoint, true, out)
    case "Probe":
  }
}

/** Somebody is there, but doesn't do what was asked. */
const refused = (
  machine: Machine,
  purpose: Purpose,
  { code, message }: KrpcMessage.ErrorMessage,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  if (purpose._tag === "Prove") return answerStranger(machine, purpose, endpoint, true, out)
  if (purpose._tag === "Store" && purpose.task.goal._tag === "PutItem") {
    purpose.task.goal.refusal = { code, message }
  }
  lost(purpose, out)
}

const lost = (purpose: Purpose, out: Array<Command>): void => {
  switch (purpose._tag) {
    case "Walk":
      return Lookup.failed(purpose.walk.lookup, purpose.candidate)
    case "Store":
      return Tasks.stored(purpose.task, purpose.walk, false)
    case "Ping": {
      const { address, request } = purpose
      if (request !== undefined) emit(out, { _tag: "NoPong", request, address })
      return
    }
    case "Probe":
    case "Prove":
  }
}

/** The answer that waited for who asked to show itself; once. */
const answerStranger = (
  machine: Machine,
  purpose: Extract<Purpose, { readonly _tag: "Prove" }>,
  endpoint: Bytes,
  isKnown: boolean,
  out: Array<Command>,
): void => {
  if (purpose.isAnswered) return
  purpose.isAnswered = true
  const { from, query, queryBytes } = purpose
  Answers.answer(machine, homeOf(machine, endpoint)!, query, queryBytes, from, endpoint, isKnown, out)
}

/** Somebody tells us where we are. If that is news and enough others agree, our id has to fit it (BEP 42). */
const hear = (
  machine: Machine,
  home: Home,
  voter: Bytes,
  said: Bytes,
  out: Array<Command>,
): void => {
  const address = Votes.add(home.votes, voter, said)
  if (address === undefined) return
  const { now, rng } = machine
  if (!NodeId.isValidFor(home.table.ownId, address.host)) {
    const id = NodeId.fromAddress(address.host, Rng.below(rng, 256), rng)
    home.table = RoutingTable.move(home.table, id, now)
    // Other nodes are near us now.
    home.bootstrapAt = now
  }
  emit(out, { _tag: "AddressLearned", address, id: home.table.ownId })
}
