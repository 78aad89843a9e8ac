/** What one member of a cluster group does next. @internal */
export interface Share {
  /** How many partitions it may have. */
  readonly quota: number;
  /** The partitions that it gives back: those beyond its quota. */
  readonly giveBack: readonly number[];
  /** The partitions without an owner that it takes. */
  readonly take: readonly number[];
}

/**
 * The share of one member: each has floor or ceil of partitions / members. Those that have most
 * now may have one more than the others, so that as few as possible move. Free partitions are dealt
 * to the members that have too few, in the order of their names: two members with the same view
 * never try the same one.
 *
 * @param members live ones, `member` included, sorted by name
 * @param owners the owner of each partition; null: none. One that is no live member keeps its
 *   partition until its lease has expired.
 * @internal
 */
export function shareOf(
  member: string,
  members: readonly string[],
  owners: readonly (string | null)[],
): Share {
  const owned = new Map<string, number[]>(members.map((name) => [name, []]));
  const free: number[] = [];
  for (const [partition, owner] of owners.entries())
    if (owner === null) free.push(partition);
    else owned.get(owner)?.push(partition);

  const countOf = (name: string): number => owned.get(name)?.length ?? 0;
  const base = Math.floor(owners.length / members.length);
  const larger = new Set(
    // The sort is stable: members that have the same number stay in the order of their names.
    [...members].sort((a, b) => countOf(b) - countOf(a)).slice(0, owners.length % members.length),
  );
  const quotaOf = (name: string): number => base + (larger.has(name) ? 1 : 0);

  const quota = quotaOf(member);
  let dealt = 0;
  for (const name of members) {
    if (name === member) break;
    dealt += Math.max(0, quotaOf(name) - countOf(name));
  }
  const wanted = Math.max(0, quota - countOf(member));
  return {
    quota,
    giveBack: owned.get(member)?.slice(quota) ?? [],
    take: free.slice(dealt, dealt + wanted),
  };
}

/**
 * The owners as they will be when those that are no live members have given back what they have, or
 * their leases have expired.
 *
 * @internal
 */
export function soonFree(
  owners: readonly (string | null)[],
  members: readonly string[],
): (string | null)[] {
  return owners.map((owner) => (owner !== null && members.includes(owner) ? owner : null));
}
