/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "base/str.h"
#include "base/template_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct template_member *add(struct template_map *m, const char *name)
{
	m->items = mem_room(m->items, m->len, &m->cap, sizeof(*m->items));
	m->items[m->len] = (struct template_member){ .name = mem_strdup(name) };
	return &m->items[m->len++];
}

static void list_free(struct template_list *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->len; i++)
		template_map_free(&l->items[i]);
	free(l->items);
	template_map_free(&l->model);
	free(l);
}

void template_map_free(struct template_map *m)
{
	for (size_t i = 0; i < m->len; i++) {
		struct template_member *e = &m->items[i];

		free(e->name);
		free(e->text);
		if (e->map)
			template_map_free(e->map);
		free(e->map);
		list_free(e->list);
	}
	free(m->items);
	*m = (struct template_map){ 0 };
}

void template_put(struct template_map *m, const char *name, const char *text)
{
	add(m, name)->text = mem_strdup(text ? text : "");
}

void template_putf(struct template_map *m, const char *name, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	template_put(m, name, text);
}

struct template_map *template_put_map(struct template_map *m, const char *name)
{
	struct template_map *map = mem_zalloc(sizeof(*map));

	add(m, name)->map = map;
	return map;
}

struct template_list *template_put_list(struct template_map *m, const char *name, const char *const *names)
{
	struct template_list *l = mem_zalloc(sizeof(*l));

	for (size_t i = 0; names && names[i]; i++)
		template_put(&l->model, names[i], NULL);
	if (!names)
		template_put(&l->model, ".", NULL);
	add(m, name)->list = l;
	return l;
}

void template_list_add(struct template_list *l, const char *const *values)
{
	struct template_map *item;

	l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
	item = &l->items[l->len++];
	*item = (struct template_map){ 0 };
	for (size_t i = 0; i < l->model.len; i++)
		template_put(item, l->model.items[i].name, values[i]);
}

const struct template_member *template_member(const struct template_map *m, const char *name, size_t len)
{
	for (size_t i = 0; i < m->len; i++)
		if (strlen(m->items[i].name) == len && memcmp(m->items[i].name, name, len) == 0)
			return &m->items[i];
	return NULL;
}
