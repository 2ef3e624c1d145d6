/**
 * Keys of the table `auth`: one row for what concerns all, then one a user and one a role. Names are text; in keys they are
 * their UTF-8 bytes as latin1, so that rows lie in byte order.
 */
export const authTable = 'auth';
export const commonKey = 'common';
export const userPrefix = 'user/';
export const rolePrefix = 'role/';

/** Of a name of a user or a role, in UTF-8 bytes: its row must fit into the store. */
export const nameBytesMax = 1_024;
