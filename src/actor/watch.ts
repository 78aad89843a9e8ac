import { OptionError } from "../errors.js";
import { callable } from "../options.js";
import type { Cell } from "./cell.js";
import { ActorRef, type Down } from "./ref.js";
import { DownTask } from "./task.js";

/**
 * A monitor that an actor has on another: told between two of its messages, and gone with it.
 *
 * @internal
 */
export function watchFor(
  watcher: Cell,
  ref: ActorRef<never>,
  fn: (down: Down) => void,
): () => void {
  if (!ActorRef.isRef(ref)) throw OptionError.invalid("ref", "an ActorRef", ref);
  callable("fn", fn);
  if (!watcher.alive) return () => {};
  let task: DownTask | undefined;
  const forget = watcher.onDeath(() => cancel());
  const demonitor = ActorRef.targetOf(ref).monitor((down) => {
    forget();
    task = new DownTask(fn, down);
    watcher.post(task);
  });
  const cancel = (): void => {
    forget();
    demonitor();
    if (task !== undefined) task.cancelled = true;
  };
  return cancel;
}
