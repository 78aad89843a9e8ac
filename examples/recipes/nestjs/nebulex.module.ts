import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
} from "@nestjs/common";
import {
  type AnyCache,
  startSupervisor,
  type StartSupervisorOptions,
  type Supervisor,
} from "nebulex-streams";

/** The token of the tree, a `Supervisor`. */
export const TREE = Symbol("nebulex.tree");

const cacheToken = (name: string): string => `nebulex.cache.${name}`;

/** Injects the cache of that name. */
export const InjectCache = (name: string): ParameterDecorator => Inject(cacheToken(name));

export interface NebulexModuleOptions extends Pick<ModuleMetadata, "imports"> {
  /** The caches to inject. */
  readonly caches: readonly AnyCache[];
  /** What `tree` is given, so that handlers can use the services of the application. */
  readonly inject?: FactoryProvider["inject"];
  // What is injected has the types of its tokens, which TypeScript does not know.
  readonly tree: (...services: never[]) => StartSupervisorOptions;
}

/** Runs a tree as long as the application: it has started when the first request comes. */
@Module({})
export class NebulexModule implements OnApplicationShutdown {
  readonly #tree: Supervisor;
  readonly #logger = new Logger("Nebulex");
  #stopping = false;

  static forRoot({ imports = [], caches, inject = [], tree }: NebulexModuleOptions): DynamicModule {
    return {
      module: NebulexModule,
      global: true,
      imports,
      providers: [
        {
          provide: TREE,
          inject,
          useFactory: (...services: never[]) => startSupervisor(tree(...services)),
        },
        ...caches.map((cache) => ({ provide: cacheToken(cache.name), useValue: cache })),
      ],
      exports: [TREE, ...caches.map(({ name }) => cacheToken(name))],
    };
  }

  constructor(@Inject(TREE) tree: Supervisor) {
    this.#tree = tree;
    void tree.exited.then((reason) => {
      if (this.#stopping) return;
      // It has given up, and its caches are gone: what runs the service is to start it again.
      this.#logger.error(`the tree has ended: ${String(reason)}`);
      process.exit(1);
    });
  }

  /** Nest has closed the HTTP server by now. */
  async onApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    await this.#tree.stop();
  }
}
