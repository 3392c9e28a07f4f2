/** Creates the cluster's keys, certificates and kubeconfigs with openssl(1). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './run.ts';

/** The subject of a certificate. */
export interface Subject {
  /** The name of the files that are written: NAME.crt, NAME.key. */
  readonly file: string;
  /** User name for RBAC. */
  readonly commonName: string;
  /** Group for RBAC. */
  readonly organization?: string;
  /** Subject alternative names like "IP:10.0.0.1,DNS:node1". */
  readonly names?: string;
}

const days = '3650';
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Creates the certificate authority, and the keys that sign the tokens of service accounts. */
export async function createAuthority(folder: string): Promise<void> {
  const authority = [...newKey, '-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.crt')];
  const extension = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  const key = join(folder, 'sa.key');
  await Promise.all([
    mustRun(['openssl', 'req', '-x509', ...authority, '-subj', '/CN=berth-lab', '-days', days, ...extension]),
    mustRun(['openssl', 'ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', key]),
  ]);
  await mustRun(['openssl', 'ec', '-in', key, '-pubout', '-out', join(folder, 'sa.pub')]);
}

/** Creates a certificate for use as a server and as a client. */
export async function createCertificate(folder: string, subject: Subject): Promise<void> {
  const { file, commonName, organization, names } = subject;
  await mustRun([
    ...['openssl', 'req', '-x509', '-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key')],
    ...[...newKey, '-keyout', join(folder, `${file}.key`), '-out', join(folder, `${file}.crt`), '-days', days],
    ...['-subj', `${organization === undefined ? '' : `/O=${organization}`}/CN=${commonName}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', 'keyUsage=critical,digitalSignature'],
    ...['-addext', 'extendedKeyUsage=serverAuth,clientAuth'],
    ...(names === undefined ? [] : ['-addext', `subjectAltName=${names}`]),
  ]);
}

/** Writes NAME.kubeconfig for the certificate NAME, and returns its path. The content is JSON, which is valid YAML. */
export async function createKubeconfig(folder: string, file: string, server: string): Promise<string> {
  const path = join(folder, `${file}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority': join(folder, 'ca.crt') } }],
    users: [
      {
        name: file,
        user: { 'client-certificate': join(folder, `${file}.crt`), 'client-key': join(folder, `${file}.key`) },
      },
    ],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: file } }],
    'current-context': 'lab',
  };
  await writeFile(path, JSON.stringify(config, undefined, 2), { mode: 0o600 });
  return path;
}
