/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/import_node.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/keys.h"

#include <string.h>

#define FIRST_BUCKETS 1024

struct import_inode *import_inode_new(enum tree_type type)
{
	struct import_inode *i = mem_zalloc(sizeof(*i));

	i->e.type = type;
	return i;
}

static void free_entry(struct tree_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	free(e->xattrs);
	free(e->extents);
	free(e->target);
}

void import_inode_drop(struct import_inode *i)
{
	if (i->names > 1) {
		i->names--;
		return;
	}
	free_entry(&i->e);
	free(i);
}

void import_tree_init(struct import_tree *t)
{
	*t = (struct import_tree){ .root = mem_zalloc(sizeof(*t->root)), .n_buckets = FIRST_BUCKETS };
	t->buckets = mem_array(t->n_buckets, sizeof(t->buckets[0]));
	/* Nobody who makes an archive can know which names fall into one bucket. */
	random_bytes(&t->seed, sizeof(t->seed));
	t->root->name = mem_strdup("");
	t->root->inode = import_inode_new(TREE_DIR);
	t->root->inode->names = 1;
	t->root->inode->e.mode = IMPORT_MADE_MODE;
	t->root->made = true;
}

static uint64_t hash(const struct import_tree *t, const struct import_node *parent, const char *name, size_t len)
{
	uint64_t h = t->seed ^ (uint64_t)(uintptr_t)parent;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * UINT64_C(0x9E3779B97F4A7C15), h ^= h >> 29;
	return h;
}

static struct import_node **bucket(const struct import_tree *t, const struct import_node *parent, const char *name, size_t len)
{
	return &t->buckets[hash(t, parent, name, len) % t->n_buckets];
}

struct import_node *import_node_child(const struct import_tree *t, const struct import_node *parent, const char *name, size_t len)
{
	struct import_node *n = *bucket(t, parent, name, len);

	while (n && (n->parent != parent || strlen(n->name) != len || memcmp(n->name, name, len) != 0))
		n = n->chain;
	return n;
}

static void chain_in(struct import_tree *t, struct import_node *n)
{
	struct import_node **b = bucket(t, n->parent, n->name, strlen(n->name));

	n->chain = *b;
	*b = n;
}

static void grow(struct import_tree *t)
{
	struct import_node **old = t->buckets;
	size_t n_old = t->n_buckets;

	t->n_buckets *= 2;
	t->buckets = mem_array(t->n_buckets, sizeof(t->buckets[0]));
	for (size_t i = 0; i < n_old; i++) {
		for (struct import_node *n = old[i], *next; n; n = next) {
			next = n->chain;
			chain_in(t, n);
		}
	}
	free(old);
}

struct import_node *import_node_add(struct import_tree *t, struct import_node *parent, const char *name, size_t len)
{
	struct import_node *n = mem_zalloc(sizeof(*n));

	n->name = mem_strndup(name, len);
	n->parent = parent;
	n->next = parent->first;
	if (n->next)
		n->next->before = n;
	parent->first = n;
	if (t->len++ >= t->n_buckets)
		grow(t);
	chain_in(t, n);
	return n;
}

void import_node_remove(struct import_tree *t, struct import_node *n)
{
	struct import_node **b = bucket(t, n->parent, n->name, strlen(n->name));

	while (n->first)
		import_node_remove(t, n->first);
	while (*b != n)
		b = &(*b)->chain;
	*b = n->chain;
	if (n->before)
		n->before->next = n->next;
	else
		n->parent->first = n->next;
	if (n->next)
		n->next->before = n->before;
	t->len--;
	import_inode_drop(n->inode);
	free(n->name);
	free(n);
}

void import_tree_free(struct import_tree *t)
{
	if (!t->root)
		return;
	while (t->root->first)
		import_node_remove(t, t->root->first);
	import_inode_drop(t->root->inode);
	free(t->root->name);
	free(t->root);
	free(t->buckets);
	free(t->first_made);
	*t = (struct import_tree){ 0 };
}
