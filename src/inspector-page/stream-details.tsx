import { useState } from "preact/hooks";
import type { GroupTarget } from "../inspector/protocol.js";
import type { EventType } from "../event/types.js";
import type { GroupRow } from "../inspector/snapshot.js";
import { Chart } from "./chart.js";
import { age, count, duration, none, plural, share, sum } from "./format.js";
import { Letters } from "./letters.js";
import { type Question, usePage } from "./page.js";
import { Badge, Facts, Section } from "./parts.js";
import { gapsByReason, partitionsByOwner, seriesOf, type StreamItem, totalsOf } from "./streams.js";
import { EntryList } from "./timeline-view.js";

/** What there is to know of a stream, a log, a group, or one partition of them. */
export function StreamDetails({ item }: { item: StreamItem }) {
  const { snapshot, history } = usePage();
  const { stream, places, partitions } = item;
  const series = seriesOf(item);
  const rated = series !== undefined && places.some(({ handled }) => handled !== null);
  const subject = subjectOf(item);
  const related = snapshot.timeline.filter((entry) => subject(entry.subject)).slice(-8);
  const incoming = { id: item.incoming, label: "in", tone: "incoming" };
  return (
    <>
      <p class="path">
        {stream.cache} / {stream.name}
      </p>
      <Chart
        history={history}
        title="Events a second"
        unit="rate"
        lines={
          rated
            ? [incoming, { id: series.handled, label: "handled", tone: "handled", dashed: true }]
            : [incoming]
        }
      />
      {series !== undefined && (
        <Chart
          history={history}
          title="Lag"
          unit="count"
          lines={[{ id: series.lag, label: "events", tone: "lag" }]}
        />
      )}
      {places.length > 0 && item.kind !== "stream" && <PlaceFacts item={item} />}
      {item.kind === "stream" && <StreamFacts item={item} />}
      {item.kind === "group" && places.length > 1 && <Owners places={places} />}
      {(item.kind === "group" || item.kind === "place") && <GroupActions item={item} />}
      {partitions.length > 0 && <LogFacts item={item} />}
      {related.length > 0 && (
        <Section title="Latest on the timeline">
          <EntryList entries={related} />
        </Section>
      )}
    </>
  );
}

/** Entries about the instance, and about its partitions. */
function subjectOf({ stream, kind, partitions }: StreamItem): (subject: string) => boolean {
  if (kind === "stream" || kind === "log" || kind === "group")
    return (subject) => subject === stream.name || subject.startsWith(`${stream.name}/`);
  const own = `${stream.name}/${partitions[0]?.partition}`;
  return (subject) => subject === own;
}

function PlaceFacts({ item: { places, kind } }: { item: StreamItem }) {
  const { snapshot } = usePage();
  const { time } = snapshot;
  const totals = totalsOf(places);
  const only = kind === "place" || places.length === 1 ? places[0] : undefined;
  const handled = sum(places, (row) => row.handled ?? 0);
  const busy = sum(places, (row) => row.busy ?? 0);
  const gaps = gapsByReason(places);
  return (
    <Facts
      of={[
        ["Scope", places[0]?.scope ?? none],
        only !== undefined && [
          "Owner",
          only.owner === null ? (
            <Badge tone={only.group === null ? "muted" : "error"} icon="error">
              nobody
            </Badge>
          ) : (
            `${only.owner}${only.here ? ", this process" : ""}`
          ),
        ],
        only?.scope === "cluster" && ["Fence", count(only.fence)],
        totals.paused > 0 && [
          "Paused",
          <Badge tone="warn" icon="pause">
            {kind === "place" ? "paused" : plural(totals.paused, "partition")}
          </Badge>,
        ],
        only !== undefined && ["Next event", count(only.position)],
        only !== undefined && ["Last event", only.last < 0 ? none : count(only.last)],
        ["Lag", plural(totals.lag, "event")],
        ["Oldest of them", age(time, totals.oldestAt)],
        handled > 0 && ["Handled", `${count(handled)}, ${duration(busy)} in the handler`],
        ["Failed attempts now", count(totals.failures)],
        ["Dead letters", count(totals.deadLetters)],
        ...(gaps.length === 0
          ? [["Gaps", count(0)] as const]
          : gaps.map(([reason, value]) => [`Gaps: ${reason}`, count(value)] as const)),
        ["Events in gaps", count(sum(places, (row) => row.dropped))],
        ["Coalesced", count(sum(places, (row) => row.coalesced))],
      ]}
    />
  );
}

function StreamFacts({ item: { stream } }: { item: StreamItem }) {
  return (
    <Facts
      of={[
        ["Partitions", stream.partitions === null ? "none, one log" : count(stream.partitions)],
        stream.registered !== null && ["Registered", stream.registered ? "yes" : "no"],
        stream.epoch !== null && ["Epoch", <code>{stream.epoch}</code>],
        stream.pubsub !== null && ["Node in its pubsub", stream.pubsub],
        stream.journal !== null && ["Node in its journal", stream.journal],
        ["Discarded by the hash", count(stream.discarded)],
        ["Unroutable", count(stream.unroutable)],
      ]}
    />
  );
}

function LogFacts({ item: { partitions, kind } }: { item: StreamItem }) {
  const kept = sum(partitions, (row) => row.kept);
  const capacity = sum(partitions, (row) => row.capacity ?? 0);
  const readers = sum(partitions, (row) => row.readers ?? 0);
  const types = new Map<EventType, number>();
  for (const row of partitions)
    for (const [type, value] of Object.entries(row.types ?? {}) as [EventType, number][])
      types.set(type, (types.get(type) ?? 0) + value);
  const hasTypes = partitions.some((row) => row.types !== null);
  return (
    <Section title={partitions.length > 1 ? "All partitions of the log" : "The log"}>
      <Facts
        of={[
          ["Events in", count(sum(partitions, (row) => row.events))],
          ...(hasTypes ? [...types].map(([type, value]) => [type, count(value)] as const) : []),
          [
            "Kept",
            capacity === 0
              ? count(kept)
              : `${count(kept)} of ${count(capacity)} (${share(kept, capacity)})`,
          ],
          kind !== "place" &&
            partitions.some((row) => row.readers !== null) && ["Readers", count(readers)],
        ]}
      />
    </Section>
  );
}

/** Who has which partitions. */
function Owners({ places }: { places: readonly GroupRow[] }) {
  return (
    <Section title="Owners">
      <Facts
        of={partitionsByOwner(places).map(([owner, partitions]) => [
          owner ?? "nobody",
          <span class={owner === null ? "bad strong" : ""}>
            {plural(partitions.length, "partition")}: {partitions.join(", ")}
          </span>,
        ])}
      />
    </Section>
  );
}

function GroupActions({ item }: { item: StreamItem }) {
  const { snapshot, ask } = usePage();
  const [isOpen, setOpen] = useState(false);
  const { places, kind, stream } = item;
  const first = places[0];
  if (first === undefined || first.group === null || first.scope !== "cluster") return null;
  const target = {
    stream: stream.id,
    group: first.group,
    partition: kind === "place" ? first.partition : null,
  };
  const what = kind === "place" ? `${first.group}, ${item.name}` : `all of ${first.group}`;
  const { paused, deadLetters } = totalsOf(places);
  return (
    <>
      {snapshot.about.actions && (
        <div class="actions">
          <button
            type="button"
            disabled={paused === places.length}
            onClick={() => ask(pause(target, what))}
          >
            Pause…
          </button>
          <button type="button" disabled={paused === 0} onClick={() => ask(resume(target, what))}>
            Resume…
          </button>
          <Seek target={target} what={what} />
        </div>
      )}
      <Section title="Dead letters">
        {deadLetters === 0 && !isOpen ? (
          <p class="muted">There are none.</p>
        ) : isOpen ? (
          <Letters target={target} resting={deadLetters} />
        ) : (
          <button type="button" onClick={() => setOpen(true)}>
            Show {plural(deadLetters, "dead letter")}
          </button>
        )}
      </Section>
    </>
  );
}

function pause(target: GroupTarget, what: string): Question {
  return {
    title: `Pause ${what}?`,
    text: "Nothing more of it is handled, on any node, until it is resumed. The lag grows.",
    verb: "Pause",
    isDangerous: false,
    action: { name: "pause", of: target },
  };
}

function resume(target: GroupTarget, what: string): Question {
  return {
    title: `Resume ${what}?`,
    text: "It is handled on from where it was paused.",
    verb: "Resume",
    isDangerous: false,
    action: { name: "resume", of: target },
  };
}

/** Where to go on from is chosen first, and confirmed then. */
function Seek({ target, what }: { target: GroupTarget; what: string }) {
  const { ask } = usePage();
  const [to, setTo] = useState("latest");
  const [position, setPosition] = useState("0");
  const isPosition = to === "position";
  const isValid = !isPosition || /^\d{1,15}$/.test(position.trim());
  const goal = isPosition ? Number(position) : to === "earliest" ? "earliest" : "latest";
  const skips =
    "Events before it that are not handled will not be. Events behind it are handled, again where they were.";
  return (
    <span class="seek">
      <label>
        Seek to{" "}
        <select value={to} onChange={(event) => setTo(event.currentTarget.value)}>
          <option value="latest">the latest</option>
          <option value="earliest">the earliest</option>
          {target.partition !== null && <option value="position">a position</option>}
        </select>
      </label>
      {isPosition && (
        <input
          class="position"
          inputMode="numeric"
          aria-label="Position"
          value={position}
          onInput={(event) => setPosition(event.currentTarget.value)}
        />
      )}
      <button
        type="button"
        class="danger"
        disabled={!isValid}
        onClick={() =>
          ask({
            title: `Seek ${what}?`,
            text: `It goes on from ${isPosition ? `position ${position.trim()}` : `the ${to} event`}. ${skips}`,
            verb: "Seek",
            isDangerous: true,
            action: { name: "seek", of: { ...target, to: goal } },
          })
        }
      >
        Seek…
      </button>
    </span>
  );
}
