import {
  Application,
  Comment,
  type DeclarationReflection,
  type ProjectReflection,
  type Reflection,
  ReflectionKind,
  type SignatureReflection,
} from "typedoc";
import {
  MarkdownPageEvent,
  type MarkdownRenderer,
  type PluginOptions,
} from "typedoc-plugin-markdown";
import { navigationFile, projectRoot, referenceFolder } from "./paths.js";

/** The entry points, by the names of the files in src. */
const entryPoints: Readonly<Record<string, { name: string; about: string }>> = {
  index: { name: "nebulex-streams", about: "Caches, streams, handlers, supervisors and pubsubs." },
  actor: {
    name: "nebulex-streams/actor",
    about: "Actors and supervisors alone, without caches and streams.",
  },
  inspector: {
    name: "nebulex-streams/inspector",
    about: "A page that shows a running tree, its streams and its cluster.",
  },
  keyv: { name: "nebulex-streams/keyv", about: "Caches over a Keyv." },
  redis: { name: "nebulex-streams/redis", about: "A pubsub over Redis." },
  nats: { name: "nebulex-streams/nats", about: "A pubsub over NATS." },
  testing: {
    name: "nebulex-streams/testing",
    about: "Faults, a simulated clock and a recorder, for tests of your own trees.",
  },
};

/** Internal types that stand in exported ones, and that nobody has to name. */
const intentionallyNotExported = [
  "commands",
  "Ended",
  "EventOf",
  "eventTypes",
  "Falsy",
  "ownOptions",
  "ReplacedValues",
  "SpawnParent",
  "StoredValues",
  "Supervised",
  "SupervisorErrorDetails",
];

/** Types whose members are described where the type is that they mirror. */
const mirrors: Readonly<Record<string, string>> = { AsyncCache: "Cache", AsyncStore: "Store" };

const markdown: Partial<PluginOptions> = {
  entryFileName: "index",
  hideBreadcrumbs: true,
  hidePageHeader: true,
  useCodeBlocks: true,
  indexFormat: "table",
  expandParameters: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  classPropertiesFormat: "table",
  typeAliasPropertiesFormat: "table",
  typeDeclarationFormat: "table",
  propertyMembersFormat: "table",
  tableColumnSettings: {
    hideDefaults: true,
    hideInherited: true,
    hideModifiers: true,
    hideOverrides: true,
    hideSources: true,
  },
  pageTitleTemplates: {
    index: "API reference",
    module: "{name}",
    // Without type parameters: they are in the signature.
    member: ({ rawName }) => rawName.replace(/<[^(]*/, ""),
  },
  navigationJson: navigationFile,
};

/** Writes the API reference as Markdown: one page for each exported name. @throws as `readReference` */
export async function writeReference(): Promise<void> {
  const { app, project } = await readReference();
  (app.renderer as MarkdownRenderer).on(MarkdownPageEvent.END, (page) => {
    page.contents &&= tidied(page.contents);
  });
  await app.generateOutputs(project);
}

/**
 * Reads the docstrings of all that is exported.
 *
 * @throws when an export or one of its members has none, or a link leads nowhere
 */
export async function readReference(): Promise<{ app: Application; project: ProjectReflection }> {
  const app = await Application.bootstrapWithPlugins({
    name: "API reference",
    entryPoints: Object.keys(entryPoints).map((name) => `${projectRoot}src/${name}.ts`),
    tsconfig: `${projectRoot}tsconfig.build.json`,
    plugin: ["typedoc-plugin-markdown"],
    readme: "none",
    out: referenceFolder,
    disableSources: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    sort: ["source-order"],
    sortEntryPoints: false,
    groupOrder: [
      "Functions",
      "Variables",
      "Classes",
      "Interfaces",
      "Type Aliases",
      "Properties",
      "Accessors",
      "Methods",
      "Constructors",
    ],
    intentionallyNotExported,
    requiredToBeDocumented: [
      "Variable",
      "Function",
      "Class",
      "Interface",
      "Property",
      "Method",
      "Accessor",
      "TypeAlias",
    ],
    validation: {
      notExported: true,
      invalidLink: true,
      invalidPath: true,
      rewrittenLink: true,
      notDocumented: true,
      unusedMergeModuleWith: true,
    },
    treatWarningsAsErrors: true,
    treatValidationWarningsAsErrors: true,
    logLevel: "Warn",
    ...markdown,
  });
  const project = await convert(app);
  app.validate(project);
  if (app.logger.hasWarnings() || app.logger.hasErrors())
    throw new Error("the API reference has the faults above");
  return { app, project };
}

function tidied(text: string): string {
  return (
    text
      // The signature has these, or they are internal.
      .replaceAll(/^#+ Type Parameters\n\n\| Type Parameter \|\n(?:\|.*\n)+\n?/gm, "")
      .replaceAll(
        /^#+ (?:Inherited from|Overrides|Extends)\n\n(?:(?!\n#|\n\*\*\*)[^])*\n(?=\n|$)/gm,
        "",
      )
      // A type that begins on a line of its own begins with a bar; in a table it has no such line.
      .replaceAll(/^\|.*\|$/gm, (row) => row.replaceAll("| \\| ", "| "))
  );
}

async function convert(app: Application): Promise<ProjectReflection> {
  // A docstring may name a type of another entry point.
  app.converter.addUnknownSymbolResolver((reference, reflection) => {
    const name = reference.symbolReference?.path?.map(({ path }) => path).join(".") ?? "";
    const target = reflection.project
      .getReflectionsByKind(ReflectionKind.SomeExport)
      .find((candidate) => candidate.name === name);
    // TypeDoc takes a reflection for a target; its type knows of URLs only.
    return target && { target: target as unknown as string };
  });
  const project = await app.convert();
  if (project === undefined) throw new Error("TypeDoc could not read the sources");
  for (const module of project.children ?? []) {
    const { name, about } = entryPoints[module.name] as { name: string; about: string };
    module.name = name;
    module.comment = new Comment([{ kind: "text", text: about }]);
    for (const group of module.groups ?? [])
      group.children.sort((a, b) => a.name.localeCompare(b.name, "en"));
  }
  describeMirrors(project);
  app.options.setValue("intentionallyNotDocumented", partsOfUnions(project));
  return project;
}

/** Gives members without a docstring that of the member of the same name. */
function describeMirrors(project: ProjectReflection): void {
  for (const [name, original] of Object.entries(mirrors)) {
    const comments = new Map(
      membersOf(project, original).map((member) => [member.name, commentOf(member)]),
    );
    for (const member of membersOf(project, name)) {
      for (const signature of member.signatures ?? [member]) {
        const comment = comments.get(member.name);
        if (comment !== undefined) signature.comment ??= comment.clone();
      }
    }
  }
}

function commentOf(member: DeclarationReflection): Comment | undefined {
  const described: (DeclarationReflection | SignatureReflection)[] = [
    member,
    ...(member.signatures ?? []),
  ];
  return described.find(({ comment }) => comment !== undefined)?.comment;
}

function membersOf(project: ProjectReflection, name: string): DeclarationReflection[] {
  const found = project
    .getReflectionsByKind(ReflectionKind.Interface | ReflectionKind.TypeAlias)
    .find((reflection) => reflection.name === name) as DeclarationReflection | undefined;
  if (found === undefined) throw new Error(`there is no type ${name}`);
  const literals = project
    .getReflectionsByKind(ReflectionKind.TypeLiteral)
    .filter(({ parent }) => parent === found) as DeclarationReflection[];
  return [...(found.children ?? []), ...literals.flatMap(({ children = [] }) => children)];
}

/** The members of types written in place, as those of a union: the type's own docstring is about them. */
function partsOfUnions(project: ProjectReflection): string[] {
  const parts = project
    .getReflectionsByKind(ReflectionKind.Property)
    .filter((part) => part.parent?.kindOf(ReflectionKind.TypeLiteral) && !part.hasComment())
    .filter((part) => !isOfParameter(part));
  return [...new Set(parts.map((part) => part.getFullName()))];
}

function isOfParameter({ parent }: Reflection): boolean {
  return parent !== undefined && (parent.kindOf(ReflectionKind.Parameter) || isOfParameter(parent));
}
