/*
 * What the engine asks of PTD_FILE_PASSES, the client of the pass cache: one request on its
 * standard input, read to the end; the answer on its standard output.
 *
 *   ask | publish
 *   URL of the server, without a "/" at its end
 *   the token
 *   milliseconds that a request may take
 *   the salt
 *   the machine: everything besides the digests that a key is made of
 *   five numbers for `publish`, as dryci's client sends them: tests, passed, failed, skipped,
 * skipped because of the cache; anything for `ask` then for each question or pass: digest of what
 * the test depends on (32 hexadecimal digits), " ", node id
 *
 * Answer: for `ask` the numbers (from 0) of those that passed before, a line each; then "end" with
 * exit status 0. Or "error TEXT" with exit status 1, and nothing before it counts.
 *
 * Only hashes leave the machine. With SHA-256, and "|" for a NUL between two strings:
 *
 *   secret = hash("pyt-diff pass 1"|machine|salt|digest), in hexadecimal digits
 *   key    = hash(secret)
 *   node   = the first 16 bytes of hash(node id|secret)
 */
#ifndef PTD_CONTRACT_EXCHANGE_H
#define PTD_CONTRACT_EXCHANGE_H

#define PTD_EXCHANGE_ASK     "ask"
#define PTD_EXCHANGE_PUBLISH "publish"
#define PTD_EXCHANGE_END     "end"
#define PTD_EXCHANGE_ERROR   "error "
#define PTD_EXCHANGE_LINES   7 /* before the first question */

#endif
