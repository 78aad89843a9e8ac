export declare const brokers: readonly BrokerName[];
export type BrokerName = "redis-server" | "nats-server";
export declare function findBinary(name: string): string | undefined;
export declare function instruction(missing: readonly string[]): string;
export declare function installMissing<Name extends string = BrokerName>(
  names?: readonly Name[],
): Promise<Name[]>;
