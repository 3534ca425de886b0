/** Every check against the corpora, for the tests and for `npm run corpora`. */
import type { Section } from "./Check.ts"
import * as Golden from "./Golden.ts"
import * as Payloads from "./Payloads.ts"
import * as Tables from "./Tables.ts"
import * as Texts from "./Texts.ts"
import * as Torrents from "./Torrents.ts"
import * as Traffic from "./Traffic.ts"

export const sections: ReadonlyArray<Section> = [
  ...Torrents.sections,
  ...Golden.sections,
  ...Payloads.sections,
  ...Tables.sections,
  ...Traffic.sections,
  ...Texts.sections,
]
