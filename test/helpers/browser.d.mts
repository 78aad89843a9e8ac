export declare const instruction: string;
export declare function findBrowser(): string | undefined;
export default function setUp(): Promise<void>;
