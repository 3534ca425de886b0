/** Where a session takes connections: the port that was asked for, or what there is instead. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import { type ListenError, type OnConnection, Transport } from "./Transport.ts"

export interface ListenRequest {
  /** An IP address of this machine; all of them, of both families, where it is undefined. */
  readonly host: string | undefined
  /** 0: any that is free. */
  readonly port: number
  /** A port that is taken or forbidden is no error: another one will do, or none. */
  readonly isFallbackAllowed: boolean
}

/** What becomes of the peers that connect. */
export interface Door {
  readonly admits: (remote: Address) => boolean
  readonly accept: OnConnection
}

export interface Listening {
  /** With the port that was got; `undefined`: nobody can connect to us. */
  readonly address: Address | undefined
  /** What is not as it was asked for, a sentence each. */
  readonly warnings: ReadonlyArray<string>
}

/** Listens until the scope ends, as `request` says; `undefined`: nowhere. */
export const open = (
  request: ListenRequest | undefined,
  door: Door,
): Effect.Effect<Listening, ListenError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    if (request === undefined) return { address: undefined, warnings: [] }
    const { host, port, isFallbackAllowed } = request
    const transport = yield* Transport
    const listen = (port: number) =>
      transport.listen({ port, admits: door.admits, ...(host === undefined ? {} : { host }) }, door.accept)
    // An address that this machine does not have is for its user to mend: dialling from it would fail, too.
    const isHarmless = ({ reason }: ListenError): boolean =>
      isFallbackAllowed && reason !== "AddressNotAvailable"
    const asked = Effect.map(listen(port), ({ address }): Listening => ({ address, warnings: [] }))
    return yield* asked.pipe(
      Effect.catchIf(isHarmless, () =>
        Effect.map(listen(0), ({ address }): Listening => ({
          address,
          warnings: [`port ${port} cannot be had; listening on port ${address.port} instead`],
        }))),
      Effect.catchIf(isHarmless, (error) =>
        Effect.succeed<Listening>({
          address: undefined,
          warnings: [`${error.message}; going on without: no peer can connect to us`],
        })),
    )
  })
