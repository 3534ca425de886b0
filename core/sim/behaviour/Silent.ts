/** Shakes hands, and says nothing ever after: it holds a place. */
import type { Script } from "./Behaviour.ts"

export const silent: Script = {}
