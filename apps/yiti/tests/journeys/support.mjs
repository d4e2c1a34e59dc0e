// What the journeys share: a server of their own on a small synthetic county, a browser, and real DICOM clients.
//
// The binary is the one that `cargo build` made; a missing browser or client fails the journey.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRequire } from 'node:module';

export const run = promisify(execFile);
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');
// The sample pictures of the demonstration: they may be shipped, so that a clone alone has them.
export const pictures = path.join(root, 'apps/yiti/demo/pictures');
export const PASSWORD = 'yiti-demo-2026';
// The browser driver is a package of `web/`.
const { chromium } = createRequire(path.join(root, 'web/package.json'))('playwright-core');

const target = process.env.CARGO_TARGET_DIR || path.join(root, 'target');
export const binary = process.env.YITI_BINARY || path.join(target, 'debug/yiti');

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A running product on a county of its own, or on nothing with `empty`. */
export class Yiti {
  static async start({ residents = 80, readings = 30, folder, keep = false, empty = false, env = {} } = {}) {
    const yiti = new Yiti();
    yiti.env = env;
    yiti.folder = folder || fs.mkdtempSync(path.join(os.tmpdir(), 'yiti-journey-'));
    yiti.http = await freePort();
    yiti.dicom = await freePort();
    yiti.base = `http://127.0.0.1:${yiti.http}`;
    yiti.empty = empty;
    yiti.size = ['--residents', String(residents), '--readings', String(readings)];
    await yiti.serve(keep);
    return yiti;
  }

  async serve(keep) {
    const args = [this.empty ? 'serve' : 'demo', '--data', path.join(this.folder, 'data'), '--http', `127.0.0.1:${this.http}`,
      '--dicom', `127.0.0.1:${this.dicom}`, ...(this.empty ? [] : this.size), ...(keep ? ['--keep'] : [])];
    const ready = this.empty ? `yiti: ${this.base}\n` : 'DICOM:';
    this.log = '';
    this.process = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } });
    this.process.stderr.on('data', (text) => { this.log += text; });
    this.ended = new Promise((resolve) => this.process.once('exit', resolve));
    await new Promise((resolve, reject) => {
      this.process.stdout.on('data', (text) => {
        this.log += text;
        if (this.log.includes(ready)) resolve();
      });
      this.process.once('exit', (code) => reject(new Error(`yiti ended with ${code}: ${this.log}`)));
    });
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    this.process.kill('SIGTERM');
    const code = await this.ended;
    fs.rmSync(this.folder, { recursive: true, force: true });
    return code;
  }

  /** Signs in without a browser; returns the cookie. */
  async session(login) {
    const body = new URLSearchParams({ login, account: login, password: PASSWORD });
    const response = await fetch(`${this.base}/sign-in`, {
      method: 'POST', body, redirect: 'manual', headers: { 'sec-fetch-site': 'same-origin' },
    });
    assert.equal(response.status, 303, `sign-in of ${login}: ${response.status}`);
    return response.headers.getSetCookie().find((c) => /^(__Host-)?yiti=/.test(c)).split(';')[0];
  }

  /** A C-STORE of files by a stock storescu; resolves with what it said. */
  store(files, { calling = 'CT-QS', called = 'YITI-QS', verbose = true } = {}) {
    return run('storescu', [...(verbose ? ['-v'] : []), '-aet', calling, '-aec', called, '127.0.0.1', String(this.dicom), ...files],
      { maxBuffer: 64 << 20 });
  }
}

/** A browser; pages speak Chinese. */
export async function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
      '--use-gl=swiftshader', '--enable-unsafe-swiftshader'],
  });
}

/** Waits until the viewer shows a picture: some canvas holds more than a few colours. */
export function pictureShown(viewer) {
  return viewer.waitForFunction(() => [...document.querySelectorAll('canvas')].some((canvas) => {
    const copy = document.createElement('canvas');
    copy.width = copy.height = 32;
    const context = copy.getContext('2d');
    context.drawImage(canvas, 0, 0, 32, 32);
    const { data } = context.getImageData(0, 0, 32, 32);
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) colours.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
    return colours.size > 8;
  }), null, { timeout: 60_000, polling: 50 });
}

/** A window of its own; a page error or a failed request of ours fails the journey. */
export async function openWindow(chrome, yiti, viewport = { width: 1366, height: 768 }) {
  const context = await chrome.newContext({ viewport, locale: 'zh-CN', baseURL: yiti.base });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  // A form that is sent back with its faults (422) is no fault of the page.
  page.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('422')) page.faults.push(message.text()); });
  return page;
}

/** Signs someone in, in a window of their own, and waits for the page that follows. */
export async function signIn(chrome, yiti, login, { password = PASSWORD, then = '**/home' } = {}) {
  const page = await openWindow(chrome, yiti);
  await page.goto('/sign-in');
  await page.fill('input[name=account], input[name=login]', login);
  await page.fill('input[name=password]', password);
  await Promise.all([page.waitForURL(then), page.click('form button[type=submit], form .btn-primary')]);
  return page;
}

export { assert, fs, os, path };
