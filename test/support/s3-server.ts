/**
 * A real S3 server on loopback: moto, from PyPI, behind a small program that can put faults before it (s3-server.py).
 * Installed once a machine. Needs Python 3 with pip.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { installedPythonPackage } from './python-packages';

const MOTO = 'moto[s3,server]==5.2.5';

export const BUCKET = 'test-bucket';

/** What stands in the environment of whoever uses the server. */
export type S3Environment = Record<
  'AWS_ENDPOINT_URL_S3' | 'AWS_REGION' | 'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY' | 'AWS_EC2_METADATA_DISABLED' | 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
  string
>;

export type S3Fault = { method: string; contains: string; times: number } & ({ status: number } | { cut: number } | { lose: true } | { unconditional: true } | { hold: true });

export class S3Server {
  readonly client: S3Client;

  private constructor(
    private readonly child: ChildProcess,
    readonly env: S3Environment,
  ) {
    this.client = new S3Client({ endpoint: env.AWS_ENDPOINT_URL_S3, region: env.AWS_REGION, credentials: { accessKeyId: 'test-access', secretAccessKey: 'test-secret' }, forcePathStyle: true });
  }

  /** Starts a server with one empty bucket, and makes it that of this process and those it starts. */
  static async start({ port = 0, env = {} }: { port?: number; env?: Record<string, string> } = {}): Promise<S3Server> {
    const child = spawn('python3', [join(__dirname, 's3-server.py')], {
      env: { ...process.env, PYTHONPATH: installedPythonPackage(MOTO), S3_PORT: String(port), ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const own: S3Environment = {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${line}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test-access',
      AWS_SECRET_ACCESS_KEY: 'test-secret',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    };
    Object.assign(process.env, own);
    const server = new S3Server(child, own);
    await server.client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    return server;
  }

  /** From now on; those asked for earlier are gone. */
  async setFaults(...faults: S3Fault[]): Promise<void> {
    await fetch(`${this.env.AWS_ENDPOINT_URL_S3}/test-faults`, { method: 'PUT', body: JSON.stringify(faults) });
  }

  /** Beside those asked for earlier, as by other tests. */
  async addFaults(...faults: S3Fault[]): Promise<void> {
    await fetch(`${this.env.AWS_ENDPOINT_URL_S3}/test-faults`, { method: 'POST', body: JSON.stringify(faults) });
  }

  /** All calls so far, as `GET /bucket/key?query`. */
  async calls(): Promise<string[]> {
    return (await (await fetch(`${this.env.AWS_ENDPOINT_URL_S3}/test-calls`)).json()) as string[];
  }

  async put(key: string, body: Buffer | string): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
  }

  async get(key: string): Promise<Buffer> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
    return Buffer.from(await Body!.transformToByteArray());
  }

  async delete(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
  }

  /** Keys and sizes of all objects below a prefix, in order. */
  async list(prefix: string): Promise<{ key: string; size: number }[]> {
    const found: { key: string; size: number }[] = [];
    let token: string | undefined;
    do {
      const page = await this.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix, ContinuationToken: token }));
      found.push(...(page.Contents ?? []).map(({ Key, Size }) => ({ key: Key!, size: Size! })));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return found;
  }

  /** Multipart uploads below a prefix that were neither completed nor aborted. */
  async openUploads(prefix = ''): Promise<number> {
    const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    return Uploads.filter(({ Key }) => Key!.startsWith(prefix)).length;
  }

  async stop(): Promise<void> {
    this.client.destroy();
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}
