/**
 * Temporal's test server that skips time: a Java program from Maven Central, behind a small shell script, because
 * the SDK's own download may not be reachable. Needs Java and Maven.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';

const VERSION = '1.38.0';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>message-batches</groupId><artifactId>time-skipping</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>${VERSION}</version>
  </dependency></dependencies>
</project>
`;

/** Whether this machine can run it. */
function canSkipTime(): boolean {
  return works('java', ['-version']) && works('mvn', ['--version']);
}

/** @returns the path of a script that runs the server on the port it is given. */
function timeSkippingServer(): string {
  const folder = join(tmpdir(), `message-batches-time-skipping-${VERSION}`);
  const script = join(folder, 'server.sh');
  if (existsSync(script)) return script;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'pom.xml'), POM);
  execFileSync('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${join(folder, 'jars')}`], { cwd: folder, stdio: 'inherit' });
  writeFileSync(script, `#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '${join(folder, 'jars')}/*' io.temporal.testserver.TestServer "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}

/** The SDK waits five seconds for the server, which a JVM on a busy machine can need for itself. */
export async function startSkippingTime(triesLeft = 10): Promise<TestWorkflowEnvironment> {
  try {
    return await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path: timeSkippingServer() } } });
  } catch (error) {
    if (triesLeft === 0) throw error;
    return startSkippingTime(triesLeft - 1);
  }
}

function works(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Where Java and Maven are missing, the tests say so by name instead of passing. */
export const testWithJava = canSkipTime() ? test : test.failing;

/** One server for the tests of a file. */
export function sharedSkippedTime(): () => TestWorkflowEnvironment {
  let environment: TestWorkflowEnvironment | undefined;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    environment = await startSkippingTime();
  }, 180_000);
  afterAll(() => environment?.teardown());
  return () => environment!;
}
