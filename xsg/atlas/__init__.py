"""Atlas: regions of the cortical surface, the distances between them, and the graph they form."""

from xsg import _moved
from xsg.atlas.graphs import Graph as Graph
from xsg.atlas.graphs import SparseGraph as SparseGraph
from xsg.atlas.pairs import homologous_pairs as homologous_pairs
from xsg.atlas.parcellation import REGIONS as REGIONS
from xsg.atlas.parcellation import Parcellation as Parcellation
from xsg.atlas.parcellation import build_graph as build_graph
from xsg.atlas.parcellation import load_parcellation as load_parcellation
from xsg.atlas.parcellation import mesh_graph as mesh_graph
from xsg.atlas.surface import distances as distances
from xsg.atlas.surface import mesh as mesh
from xsg.check import align as align

__getattr__ = _moved.lazily(__name__)
